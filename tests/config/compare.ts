/**
 * Runs the fixtures through a YAML 1.1 parser that is not a dependency:
 *
 *     deno run -A --no-lock tests/config/compare.ts jsr:@std/yaml@1
 *
 * @module
 */
import { compareWith } from "./_agreement.ts";

interface Parser {
  parse(text: string, options: { schema: "core" }): unknown;
}

const [specifier = "jsr:@std/yaml@1"] = Deno.args;
const { parse }: Parser = await import(specifier);
const { compared, left, differences } = await compareWith(
  (text) => parse(text, { schema: "core" }) ?? null,
  "1.1",
);
differences.forEach((difference) => console.error(difference));
console.log(
  `${specifier}: ${compared} files compared, ${differences.length} differ; ` +
    `${left.length} left out, because their issues are in the text alone or YAML 1.1 reads them differently`,
);
if (differences.length > 0) Deno.exit(1);

/**
 * Runs the fixtures through a parser that is not among our dependencies, of YAML 1.1 at that:
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
    `${left.length} left out, as their faults are in the text alone or YAML 1.1 reads them otherwise`,
);
if (differences.length > 0) Deno.exit(1);

import { pathToFileURL } from "node:url";
import type { MakeOutbox } from "../cluster.ts";

/**
 * What is done to the statement below `// mutant: name`. `skip` deletes it. Any other text replaces its
 * expression: the condition of an `if` or a `while`, the value of a `return`, or what is assigned.
 */
export type MarkerEdits = Readonly<Record<string, string>>;

const root = new URL("../../../src/outbox/", import.meta.url);
const sources = await readSources(root);

async function readSources(folder: URL): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const url = new URL(isDirectory ? `${name}/` : name, folder);
    if (isDirectory) { for (const [file, text] of await readSources(url)) found.set(file, text); }
    else if (name.endsWith(".ts")) found.set(url.href, await Deno.readTextFile(url));
  }
  return found;
}

/** Returns the outbox with edits below its marker comments. */
export async function loadMarked(edits: MarkerEdits): Promise<MakeOutbox> {
  const edited = new Map<string, string>();
  for (const [marker, edit] of Object.entries(edits)) {
    const file = fileOf(marker);
    edited.set(file, editBelow(edited.get(file) ?? sources.get(file)!, marker, edit));
  }
  const copied = importersOf([...edited.keys()]);
  const folder = await Deno.makeTempDir({ prefix: "mutant-" });
  const copyOf = (file: string): string =>
    pathToFileURL(`${folder}/${file.slice(root.href.length).replaceAll("/", "+")}`).href;
  try {
    for (const file of copied) {
      const text = (edited.get(file) ?? sources.get(file)!).replaceAll(IMPORT, (_, path) => {
        const { href } = new URL(path, file);
        return `from "${copied.has(href) ? copyOf(href) : href}"`;
      });
      await Deno.writeTextFile(new URL(copyOf(file)), `// @ts-nocheck a bug is planted\n${text}`);
    }
    return (await import(copyOf(new URL("outbox.ts", root).href))).createOutboxIn;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Where a file is imported from. */
const IMPORT = /from "(\.[^"]+)"/g;

/** Files, and what imports them, up to `outbox.ts`: the others need no copy. */
function importersOf(files: readonly string[]): ReadonlySet<string> {
  const found = new Set(files);
  for (let before = 0; before < found.size;) {
    before = found.size;
    for (const [file, text] of sources) {
      const imports = Array.from(text.matchAll(IMPORT), ([, path]) => new URL(path!, file).href);
      if (imports.some((href) => found.has(href))) found.add(file);
    }
  }
  return found;
}

function fileOf(marker: string): string {
  const files = [...sources].filter(([, text]) => text.includes(lineOf(marker)));
  if (files.length === 1) return files[0]![0];
  throw new Error(`Cannot plant at 'mutant: ${marker}': ${files.length} files have that marker`);
}

function lineOf(marker: string): string {
  return `// mutant: ${marker}\n`;
}

/**
 * Edits the statement below a marker.
 *
 * @throws {Error} when there isn't exactly one such marker, or its statement has nothing to replace
 */
export function editBelow(text: string, marker: string, edit: string): string {
  const [before, after, ...more] = text.split(lineOf(marker));
  if (after === undefined || more.length > 0) {
    throw new Error(`Cannot plant at 'mutant: ${marker}': the file has ${more.length} of them`);
  }
  const length = endOfStatement(after);
  const statement = after.slice(0, length);
  const rest = after.slice(length);
  if (edit === "skip") return `${before}${rest}`;
  const [from, to] = expressionIn(statement) ?? [0, 0];
  if (to <= from) {
    throw new Error(`Cannot plant at 'mutant: ${marker}': nothing to replace in '${statement}'`);
  }
  return `${before}${statement.slice(0, from)}${edit}${statement.slice(to)}${rest}`;
}

/** Where the expression of a statement begins and ends. */
function expressionIn(statement: string): readonly [from: number, to: number] | undefined {
  const condition = /^\s*(?:if|while) \(/.exec(statement);
  if (condition) {
    const from = condition[0].length;
    return [from, closing(statement, from)];
  }
  const value = /^\s*(?:return |(?:export )?(?:const |let |readonly )?[\w.#]+(?:: [\w<>[\] ]+)? = )/
    .exec(statement);
  return value ? [value[0].length, statement.lastIndexOf(";")] : undefined;
}

/** The length of the statement that a text begins with: up to its `;`, or the end of its block. */
function endOfStatement(text: string): number {
  const hasBlock = /^\s*(?:if|for|while) \(/.test(text);
  let depth = 0;
  for (let at = 0; at < text.length; at = next(text, at)) {
    const character = text[at]!;
    if ("([{".includes(character)) depth++;
    if (")]}".includes(character)) depth--;
    if (depth < 0) break;
    if (depth > 0) continue;
    if (character === ";" || (hasBlock && character === "}")) return at + 1;
  }
  throw new Error(`Cannot find the end of the statement: ${text.slice(0, 80)}`);
}

/** Where the bracket that is open at a position closes. */
function closing(text: string, from: number): number {
  let depth = 1;
  for (let at = from; at < text.length; at = next(text, at)) {
    if ("([{".includes(text[at]!)) depth++;
    if (")]}".includes(text[at]!) && --depth === 0) return at;
  }
  return -1;
}

/** The next character that is neither in a string nor in a comment. */
function next(text: string, at: number): number {
  const quoted = /^(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`|\/\/[^\n]*)/.exec(
    text.slice(at + 1),
  );
  return at + 1 + (quoted?.[0].length ?? 0);
}

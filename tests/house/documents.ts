/**
 * The documents of the repository: their blocks of code, headings and links.
 * @module
 */
import { filesBelow, root } from "../../tools/run.ts";

/** A page. */
export type Document = {
  /** From the root. */
  readonly path: string;
  readonly text: string;
};

/** A block between fences. */
export type Block = {
  readonly path: string;
  /** Of its first line of code. */
  readonly line: number;
  readonly language: string;
  /** What follows the language, such as `ignore`. */
  readonly info: string;
  readonly code: string;
};

/** Every page that people read. */
export async function readDocuments(): Promise<readonly Document[]> {
  const below = (await Promise.all(["docs", "skills", "examples"].map(filesBelow))).flat();
  const paths = ["README.md", "CONTRIBUTING.md", "AGENTS.md", "CHANGELOG.md", ...below]
    .filter((path) => path.endsWith(".md"));
  return await Promise.all(
    paths.map(async (path) => ({ path, text: await Deno.readTextFile(`${root}/${path}`) })),
  );
}

/** The blocks of a page, in order. */
export function blocksOf({ path, text }: Document): readonly Block[] {
  const fence = /^```(\w*) *(.*)\n([\s\S]*?)^```$/gm;
  return [...text.matchAll(fence)].map(([, language = "", info = "", code = ""], index, all) => {
    const start = all[index]!.index;
    return { path, line: text.slice(0, start).split("\n").length + 1, language, info, code };
  });
}

/** What a heading is reached by, after the rules of GitHub. */
export function anchorsOf({ text }: Document): ReadonlySet<string> {
  const headings = withoutBlocks(text).matchAll(/^#+ +(.*)$/gm);
  return new Set(
    [...headings].map(([, heading]) =>
      heading!.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replaceAll(" ", "-")
    ),
  );
}

/** Where the links of a page lead. */
export function linksOf({ text }: Document): readonly string[] {
  return [...withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
}

/** The cells of the first column of the table with this heading, without their backticks. */
export function firstColumn({ path, text }: Document, heading: string): readonly string[] {
  const lines = text.split("\n");
  const head = lines.findIndex((line) => line.split("|")[1]?.trim() === heading);
  if (head < 0) throw new Error(`${path} has no table that begins with '${heading}'`);
  const rows = lines.slice(head + 2);
  const end = rows.findIndex((line) => !line.startsWith("|"));
  return rows.slice(0, end).map((row) => row.split("|")[1]!.trim().replaceAll("`", ""));
}

/** Everything in backticks outside of blocks. */
export function codeOf({ text }: Document): readonly string[] {
  return [...withoutBlocks(text).matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!);
}

/** Returns the text without code. */
export function proseOf({ text }: Document): string {
  return withoutBlocks(text).replace(/`[^`\n]+`/g, "");
}

function withoutBlocks(text: string): string {
  return text.replace(/^```[\s\S]*?^```$/gm, "");
}

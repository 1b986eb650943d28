/**
 * The content of Strands' messages and results, as gates see it.
 * @module
 */
import type { Block } from "./sdk.ts";

/** Returns the text of a message. */
export function textOf(content: readonly Block[]): string {
  return content.flatMap(({ text, type }) => type === "textBlock" ? [text] : []).join("\n");
}

/** Returns an error as gates see it: the text or, if there is more, the JSON of all blocks. */
export function errorTextOf(content: readonly Block[]): string {
  const isText = content.every(({ type }) => type === "textBlock");
  return isText ? textOf(content) : JSON.stringify(content);
}

/** Returns a result as gates see it: the text or JSON of its only block, or the data of its blocks. */
export function valueOf(content: readonly Block[]): unknown {
  const [block] = content;
  if (isSingle(content)) return block!.type === "textBlock" ? block!.text : block!.json;
  return JSON.parse(JSON.stringify(content));
}

/** The opposite of `valueOf`, for content of the same form: data from which the SDK creates blocks. */
export function dataOf(value: unknown, content: readonly Block[]): object[] {
  if (typeof value === "string") return [{ text: value }];
  return isSingle(content) || !Array.isArray(value) ? [{ json: value }] : value;
}

function isSingle(content: readonly Block[]): boolean {
  return content.length === 1 && ["textBlock", "jsonBlock"].includes(content[0]!.type);
}

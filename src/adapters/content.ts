/** A part of a message. Those with a text have it in `text`, whatever their type is. */
type Part = string | { readonly text?: unknown };

/** Returns the text of a message's content: text, or a list of parts. */
export function contentText(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part: Part) => textIn(part) ?? "").join("");
}

/**
 * Returns content with another text in place of its own. Parts without one, such as images, stay.
 *
 * @param type The type of a part with a text, in case that there is none
 */
export function withContentText(content: unknown, text: string, type: string): unknown {
  if (!Array.isArray(content)) return text;
  const first = content.findIndex((part: Part) => textIn(part) !== undefined);
  if (first < 0) return [{ type, text }, ...content];
  return content.flatMap((part: Part, index) => {
    if (textIn(part) === undefined) return [part];
    if (index !== first) return [];
    return [typeof part === "string" ? text : { ...part, text }];
  });
}

function textIn(part: Part | null): string | undefined {
  const text = typeof part === "string" ? part : part?.text;
  return typeof text === "string" ? text : undefined;
}

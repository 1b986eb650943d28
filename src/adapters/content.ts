/** A part of a message. Parts of any type with text have it in `text`. */
type Part = string | { readonly text?: unknown };

/** Returns the text of a message's content: text, or a list of parts. */
export function contentText(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part: Part) => textIn(part) ?? "").join("");
}

/**
 * Replaces the text of content. Parts without text, such as images, stay.
 *
 * @param type The type of a new part with text, if the content has none
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

/** What a conversation has in place of a message that a gate denied: models expect one before each response. */
export const DENIED_MESSAGE = "[This message was denied.]";

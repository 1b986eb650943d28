/** All that the HTTP binding 1.0.2, section 3.1.3.2, wants escaped in a header's value. */
const ESCAPED = /[^\x21\x23\x24\x26-\x7e]/gu;

/** An attribute's value as the value of a `ce-` header. It must be well-formed Unicode. */
export function encodeHeaderValue(value: string): string {
  return value.replace(ESCAPED, (character) => encodeURIComponent(character));
}

/**
 * The value of a `ce-` header as an attribute's value; undefined if it can't be decoded.
 *
 * Quoted strings are unquoted first: earlier versions of the binding wrote spaces in them. Then
 * comes one round of percent-decoding, which must give UTF-8.
 */
export function decodeHeaderValue(value: string): string | undefined {
  // Headers hold one character a byte. Whether a byte beyond ASCII was Latin-1 or UTF-8, nobody knows.
  if (/[^\t\x20-\x7e]/.test(value)) return undefined;
  const unquoted = unquote(value);
  if (unquoted === undefined) return undefined;
  try {
    return decodeURIComponent(unquoted); // refuses stray percents and bytes that are not UTF-8
  } catch {
    return undefined;
  }
}

/** The text without its quotes and the backslashes within them (RFC 7230, section 3.2.6). */
function unquote(text: string): string | undefined {
  if (!text.includes('"')) return text;
  let result = "";
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '"') quoted = !quoted;
    else if (quoted && text[i] === "\\") result += text[++i] ?? "";
    else result += text[i];
  }
  return quoted ? undefined : result;
}

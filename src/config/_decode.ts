import type { Fault } from "./_reader.ts";

/**
 * Longest text, in bytes or UTF-16 code units: as long as the parser of YAML stays well under 100 ms, whatever
 * is in it.
 */
export const MAX_LENGTH: number = 128 * 1024;

/** A text without the mark that may begin it, or what is wrong with it. */
export function decode(text: string | Uint8Array): string | Fault {
  const { length } = text;
  if (length > MAX_LENGTH) return tooLarge();
  if (typeof text === "string") return text.replace(/^\ufeff/, "");
  try {
    return strict(text);
  } catch {
    return unreadable(notUtf8(text));
  }
}

/** A text is longer than is read. */
export function tooLarge(): Fault {
  return { code: "too_large", path: [], problem: `is larger than ${MAX_LENGTH / 1024} KiB` };
}

/** A text can't be had. */
export function unreadable(problem: string): Fault {
  return { code: "unreadable", path: [], problem };
}

function strict(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes); // which leaves out a mark
}

function notUtf8(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    return "is UTF-16: save it as UTF-8";
  }
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    const end = bytes.indexOf(0x0a, start) + 1 || bytes.length;
    try {
      strict(bytes.subarray(start, end));
    } catch {
      break;
    }
    start = end;
  }
  return `is not UTF-8: line ${line} has a byte that does not belong there`;
}

import { map } from "./_free_mappings.ts";
import type { Kind } from "./_kinds.ts";
import { headerValue } from "./_texts.ts";

/** Headers that a delivery sets itself: those of the signature, or of the connection. */
const RESERVED = [
  ...["host", "content-length", "connection", "transfer-encoding", "keep-alive", "upgrade", "te"],
];
/** A token of RFC 9110, section 5.6.2. */
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z\\-]+";

/** Headers of a webhook. */
export const headers: Kind<Readonly<Record<string, string>>> = map({
  accepted: "a mapping of header names to text",
  key: {
    accepted: "the name of a header, and not one that the delivery sets itself (webhook-*, " +
      `${RESERVED.join(", ")})`,
    problem: (key) =>
      new RegExp(`^${TOKEN}$`).test(key)
        ? "is a header that the delivery sets itself"
        : "is not the name of a header",
    // Without the flag u, with which i takes the Kelvin sign for a k.
    pattern: new RegExp(nameOf((text) => text), "i"),
    get written() {
      return nameOf(eitherCase);
    },
  },
  value: headerValue,
  to: 100,
  fold: (key) => key.toLowerCase(),
});

/** The pattern of a name; how letters of either case are written is up to `spell`. */
function nameOf(spell: (text: string) => string): string {
  return `^(?!${spell("webhook-")}|(?:${RESERVED.map(spell).join("|")})$)${TOKEN}$`;
}

function eitherCase(text: string): string {
  return text.replace(/[a-z]/g, (letter) => `[${letter.toUpperCase()}${letter}]`);
}

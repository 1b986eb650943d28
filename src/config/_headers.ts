import { findReservedReason, RESERVED_HEADERS } from "../webhook/request_rules.ts";
import { map } from "./_free_mappings.ts";
import type { Kind } from "./_kinds.ts";
import { headerValue } from "./_texts.ts";

/** A token of RFC 9110, section 5.6.2. */
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z\\-]+";

/** Headers of a webhook. */
export const headers: Kind<Readonly<Record<string, string>>> = map({
  accepted: "a mapping of header names to text",
  key: {
    accepted: "the name of a header, and not a reserved one (" +
      `${RESERVED_HEADERS.map((name) => name.replace(/-$/, "-*")).join(", ")})`,
    problem: (key) => {
      const reason = findReservedReason(key);
      return reason === undefined ? "is not the name of a header" : `is reserved, as ${reason}`;
    },
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
  const [prefixes, names] = [true, false].map((prefix) =>
    RESERVED_HEADERS.filter((name) => name.endsWith("-") === prefix).map(spell).join("|")
  );
  return `^(?!${prefixes}|(?:${names})$)${TOKEN}$`;
}

function eitherCase(text: string): string {
  return text.replace(/[a-z]/g, (letter) => `[${letter.toUpperCase()}${letter}]`);
}

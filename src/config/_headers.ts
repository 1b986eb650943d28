import { headerValue } from "./_texts.ts";
import type { Kind } from "./_kinds.ts";
import { map } from "./_free_mappings.ts";

/** Headers that a delivery sets itself: those of the signature, or of the connection. */
const RESERVED = [
  ...["host", "content-length", "connection", "transfer-encoding", "keep-alive", "upgrade", "te"],
];
/** A token of RFC 9110, section 5.6.2. */
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z\\-]+";

/** Headers of a webhook. JSON Schema has no flag for letters of either case, so each is spelled out. */
export const headers: Kind<Readonly<Record<string, string>>> = map({
  accepted: "a mapping of header names to text",
  key: {
    accepted: "the name of a header, and not one that the delivery sets itself (webhook-*, " +
      `${RESERVED.join(", ")})`,
    problem: (key) =>
      new RegExp(`^${TOKEN}$`).test(key)
        ? "is a header that the delivery sets itself"
        : "is not the name of a header",
    pattern: new RegExp(
      `^(?!${eitherCase("webhook-")}|(?:${RESERVED.map(eitherCase).join("|")})$)${TOKEN}$`,
      "u",
    ),
  },
  value: headerValue,
  to: 100,
  fold: (key) => key.toLowerCase(),
});

function eitherCase(text: string): string {
  return text.replace(/[a-z]/g, (letter) => `[${letter.toUpperCase()}${letter}]`);
}

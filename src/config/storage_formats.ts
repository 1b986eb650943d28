/**
 * The formats of stores in `storage`.
 *
 * @module
 */
import { findFetchProblem, text, untilHost } from "./formats.ts";
import type { StringSchema } from "./schema.ts";

/** A file, `:memory:`, or a URL. */
export const storePath: StringSchema = {
  ...text("a file, :memory: or a URL", /^[^\0]+$/u),
  examples: ["./data/hooks.db"],
  findProblem: (text) => /^https?:/i.test(text) ? findFetchProblem(text) : undefined,
  visible: (text) => /:\/\/|:.*@/s.test(text) ? untilHost(text) : text,
};

/** A file of SQLite. */
export const storeFile: StringSchema = {
  ...text("a file or :memory:", /^(?![A-Za-z][A-Za-z0-9+.-]+:\/\/)[^\0]+$/u),
  examples: ["./data/hooks.sqlite"],
  visible: storePath.visible!,
};

/** A PostgreSQL database. */
export const postgresUrl: StringSchema = {
  ...text(
    "a URL that starts with postgres://",
    /^[Pp][Oo][Ss][Tt][Gg][Rr][Ee][Ss](?:[Qq][Ll])?:\/\/\S+$/u,
  ),
  examples: ["${DATABASE_URL}"],
  visible: untilHost,
  findProblem: (text) =>
    URL.canParse(text)
      ? undefined
      : "is not a valid URL: percent-encode special characters in the user name and the password",
};

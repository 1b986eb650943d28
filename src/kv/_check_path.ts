import { maskUrl } from "../core/kit.ts";

/** A scheme of two letters or more: one letter is a drive. */
const SCHEME = /^\s*([a-z][a-z0-9+.-]+):\/(?!\/*$)/i;

/**
 * Refuses the URL of another kind of database. SQLite would take it for a file, in a folder named after user
 * and password.
 *
 * @throws {TypeError} when the scheme is neither http nor https
 */
export function checkStorePath(path: string | undefined): void {
  const scheme = SCHEME.exec(path ?? "")?.[1];
  if (scheme === undefined || /^https?$/i.test(scheme)) return;
  throw new TypeError(
    `Cannot open the store '${
      maskUrl(path!)
    }': '${scheme}' URLs are not supported. Pass a file path, ` +
      '":memory:" or the http(s) URL of a KV Connect server',
  );
}

import { maskUrl } from "../../internal/mask_url.ts";

/** A scheme of two letters or more: one letter is a drive. */
const SCHEME = /^\s*([a-z][a-z0-9+.-]+):\/(?!\/*$)/i;

/**
 * Rejects the URL of another kind of database. SQLite would treat it as a file path, with the user name
 * and password in a folder name.
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

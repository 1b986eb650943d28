/** A scheme of two letters or more: one letter is a Windows drive. */
const SCHEME = /^\s*([a-z][a-z0-9+.-]+):/i;

/**
 * Rejects URLs and connection strings of other databases. SQLite would use them as file paths, with
 * the user name and password in the name. The message contains only their scheme.
 *
 * @throws {TypeError} when the path has a scheme other than http and https
 */
export function checkStorePath(path: string | undefined): void {
  const scheme = SCHEME.exec(path ?? "")?.[1];
  if (scheme === undefined || /^https?$/i.test(scheme)) return;
  throw new TypeError(
    `Cannot open the store: '${scheme}:' is not supported. Pass a file path (./ before a name with ` +
      'a colon), ":memory:", or the http(s) URL of a KV Connect server',
  );
}

/**
 * Reads the JUnit files that the test runners of Deno, Bun and Node write.
 * @module
 */

/** What one run did. */
export interface TestRun {
  /** The name of every test, as often as it ran, in order. */
  readonly names: readonly string[];
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** The tests that failed, with what the runner wrote of why. */
  readonly failures: readonly { readonly name: string; readonly reason: string }[];
}

/**
 * The tests of a JUnit file. Machines write it, so its shape is known: no CDATA around a
 * `<testcase>`, no comments in it.
 */
export function parseJUnit(xml: string): TestRun {
  const names: string[] = [];
  const failures: { name: string; reason: string }[] = [];
  let skipped = 0;
  for (
    const [, attributes, body] of xml.matchAll(
      /<testcase\b((?:[^>"]|"[^"]*")*?)(?:\/>|>(.*?)<\/testcase>)/gs,
    )
  ) {
    // Node 20 drops the line breaks of a name, so they are dropped for all.
    const name = unescape(/\bname="([^"]*)"/.exec(attributes!)?.[1] ?? "").replaceAll("\n", "");
    names.push(name);
    const failure = /<(?:failure|error)\b([^>]*?)(?:\/>|>(.*?)<\/(?:failure|error)>)/s.exec(
      body ?? "",
    );
    if (failure) failures.push({ name, reason: reason(failure[1]!, failure[2] ?? "") });
    else if (/<skipped\b/.test(body ?? "")) skipped++;
  }
  const failed = failures.length;
  return { names, failed, skipped, failures, passed: names.length - failed - skipped };
}

/** Deno and Node write the error as text, Bun as an attribute or not at all. */
function reason(attributes: string, text: string): string {
  const message = /\bmessage="([^"]*)"/.exec(attributes)?.[1] ?? "";
  return unescape(text.replace(/^\s*<!\[CDATA\[|\]\]>\s*$/g, "").trim() || message);
}

/** What `left` has and `right` has not; a name that comes twice must come twice in both. */
export function missing(left: readonly string[], right: readonly string[]): string[] {
  const leftOver = new Map<string, number>();
  for (const name of right) leftOver.set(name, (leftOver.get(name) ?? 0) + 1);
  return left.filter((name) => {
    const count = leftOver.get(name) ?? 0;
    leftOver.set(name, count - 1);
    return count <= 0;
  });
}

const entities: Record<string, string> = {
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&apos;": "'",
  "&#39;": "'",
  "&#10;": "\n",
};

/** Node 20 escapes a quote twice (`&amp;quot;`), so `&amp;` goes first. */
function unescape(text: string): string {
  return text.replaceAll("&amp;", "&").replaceAll(
    /&[#\w]+;/g,
    (entity) => entities[entity] ?? entity,
  );
}

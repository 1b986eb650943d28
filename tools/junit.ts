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
}

/**
 * The tests of a JUnit file. Machines write it, so its shape is known: no CDATA around a
 * `<testcase>`, no comments in it.
 */
export function parseJUnit(xml: string): TestRun {
  const names: string[] = [];
  let failed = 0;
  let skipped = 0;
  for (
    const [, attributes, body] of xml.matchAll(
      /<testcase\b((?:[^>"]|"[^"]*")*?)(?:\/>|>(.*?)<\/testcase>)/gs,
    )
  ) {
    names.push(unescape(/\bname="([^"]*)"/.exec(attributes!)?.[1] ?? ""));
    if (/<(?:failure|error)\b/.test(body ?? "")) failed++;
    else if (/<skipped\b/.test(body ?? "")) skipped++;
  }
  return { names, failed, skipped, passed: names.length - failed - skipped };
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

/**
 * Node 20 escapes a quote twice (`&amp;quot;`), so `&amp;` goes first; and it drops line breaks, so
 * no one keeps them.
 */
function unescape(text: string): string {
  return text.replaceAll("&amp;", "&").replaceAll(
    /&[#\w]+;/g,
    (entity) => entities[entity] ?? entity,
  )
    .replaceAll("\n", "");
}

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
  readonly failures: readonly Failure[];
  /** The tests that failed, and passed when they ran again by themselves. They count as passed. */
  readonly flaky: readonly Failure[];
}

/** A test that failed. */
export interface Failure {
  readonly name: string;
  readonly reason: string;
}

/** Reads what one run did from its JUnit file. */
export function parseJUnit(xml: string): TestRun {
  const cases = readCases(xml);
  const failures = cases.flatMap(({ name, reason }) =>
    reason === undefined ? [] : [{ name, reason }]
  );
  const failed = failures.length;
  const skipped = cases.filter((one) => one.isSkipped).length;
  const passed = cases.length - failed - skipped;
  return { names: cases.map(({ name }) => name), passed, failed, skipped, failures, flaky: [] };
}

/** Returns a run whose failed tests ran again, by themselves: those that passed then are flaky. */
export function withSecondRun(first: TestRun, xml: string): TestRun {
  const ran = readCases(xml).filter(({ isSkipped }) => !isSkipped);
  const passed = (name: string): boolean => {
    const cases = ran.filter((one) => one.name === name);
    return cases.length > 0 && cases.every(({ reason }) => reason === undefined);
  };
  const flaky = first.failures.filter(({ name }) => passed(name));
  const failures = first.failures.filter(({ name }) => !passed(name));
  const count = { passed: first.passed + flaky.length, failed: failures.length };
  return { ...first, ...count, failures, flaky };
}

/** Returns a regular expression that matches the names of failed tests, as all runners take it. */
export function patternOf(failures: readonly Failure[]): string {
  const names = failures.map(({ name }) => name.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return `^(?:${[...new Set(names)].join("|")})$`;
}

/**
 * The tests of a JUnit file. Machines write it, so its shape is known: no CDATA around a
 * `<testcase>`, no comments in it. `reason` says why one failed.
 */
function readCases(
  xml: string,
): { readonly name: string; readonly isSkipped: boolean; readonly reason?: string }[] {
  const cases = xml.matchAll(
    /<testcase\b((?:[^>"]|"[^"]*")*?)(?:\/>|>(.*?)<\/testcase>)/gs,
  );
  return Array.from(cases, ([, attributes, body = ""]) => {
    // Node 20 drops the line breaks of a name, so they are dropped for all.
    const name = unescape(/\bname="([^"]*)"/.exec(attributes!)?.[1] ?? "").replaceAll("\n", "");
    const failure = /<(?:failure|error)\b([^>]*?)(?:\/>|>(.*?)<\/(?:failure|error)>)/s.exec(body);
    if (failure) return { name, isSkipped: false, reason: reason(failure[1]!, failure[2] ?? "") };
    return { name, isSkipped: /<skipped\b/.test(body) };
  });
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

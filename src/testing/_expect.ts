import { ExpectationError } from "./expectation_error.ts";

/** Something holds. */
export function ok(holds: boolean, what = "it does not hold"): asserts holds {
  if (!holds) throw new ExpectationError(`Expected otherwise: ${what}`);
}

/** Two values are alike, to the last field and element. */
export function equal(found: unknown, expected: unknown, what?: string): void {
  const [is, should] = [toText(found), toText(expected)];
  if (is === should) return;
  const of = what === undefined ? "" : ` for ${what}`;
  throw new ExpectationError(`Expected${of}:\n  ${should}\nbut found:\n  ${is}`);
}

/** An action rejects, with an error of one of these classes. */
export async function refused(
  action: () => Promise<unknown>,
  classes: readonly (new (message?: string) => Error)[] = [Error],
  what = String(action),
): Promise<void> {
  let result: unknown;
  try {
    result = await action();
  } catch (error) {
    if (classes.some((known) => error instanceof known)) return;
    const names = classes.map(({ name }) => name).join(" or ");
    throw new ExpectationError(`Expected ${names}, but found ${error}: ${what}`, { cause: error });
  }
  throw new ExpectationError(`Expected a refusal, but found ${toText(result)}: ${what}`);
}

/** JSON, and what it has no form for. Fields that are undefined count as absent. */
function toText(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === "bigint") return { bigint: String(part) };
    return typeof part === "number" && !Number.isFinite(part) ? { number: String(part) } : part;
  }) ?? "undefined";
}

import type { Store, StoreKey, StoreListOptions, StoreSelector } from "../../store/mod.ts";
import { ExpectationError } from "../expectation_error.ts";

/** Behaviors by sentence. Each gets an empty store, which is closed afterwards. */
export type StoreBehaviors = Readonly<Record<string, (store: Store) => Promise<void>>>;

/** Asserts a condition. */
export function ok(holds: boolean, what = "it does not hold"): asserts holds {
  if (!holds) throw new ExpectationError(`Expected that ${what}`);
}

/** Asserts that two values are deeply equal. Fields that are undefined count as absent. */
export function equal(found: unknown, expected: unknown, what?: string): void {
  const [is, should] = [toText(found), toText(expected)];
  if (is === should) return;
  const of = what === undefined ? "" : ` for ${what}`;
  throw new ExpectationError(`Expected${of}:\n  ${should}\nbut found:\n  ${is}`);
}

/** Asserts that an action rejects, with an error of one of these classes. */
export async function rejects(
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
  throw new ExpectationError(`Expected an error, but found ${toText(result)}: ${what}`);
}

/** Returns the keys of a list. */
export async function keysOf(
  store: Store,
  selector: StoreSelector,
  options?: StoreListOptions,
): Promise<StoreKey[]> {
  const keys: StoreKey[] = [];
  for await (const { key } of store.list(selector, options)) keys.push(key);
  return keys;
}

/** Sets keys to 1, in as few commits as possible. */
export async function setAll(store: Store, keys: readonly StoreKey[]): Promise<void> {
  for (let at = 0; at < keys.length; at += 500) {
    const atomic = store.atomic();
    for (const key of keys.slice(at, at + 500)) atomic.set(key, 1);
    await atomic.commit();
  }
}

/** Returns JSON, with text in place of what JSON can't represent. */
function toText(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === "bigint") return { bigint: String(part) };
    return typeof part === "number" && !Number.isFinite(part) ? { number: String(part) } : part;
  }) ?? "undefined";
}

/**
 * Changes whatever can be reached from a value, for tests of what must not change.
 *
 * @module
 */

/** Tries to change everything that is reachable; returns how often that threw. */
export function vandalize(value: unknown, seen: Set<unknown> = new Set()): number {
  if (typeof value !== "object" || value === null || seen.has(value)) return 0;
  if (value instanceof AbortSignal) return 0; // the platform's
  seen.add(value);
  let refused = 0;
  const attempt = (change: () => void): void => {
    try {
      change();
    } catch {
      refused++;
    }
  };
  const object = value as Record<string, unknown>;
  const keys = Object.keys(object);
  for (const key of keys) refused += vandalize(object[key], seen);
  if (value instanceof Date) attempt(() => value.setTime(0));
  if (Array.isArray(value)) {
    attempt(() => value.push("vandal"));
    attempt(() => value.sort());
    attempt(() => value.length = 0);
  }
  for (const key of keys) {
    attempt(() => object[key] = "vandal");
    attempt(() => delete object[key]);
    attempt(() => void Object.defineProperty(object, key, { value: "vandal" }));
  }
  attempt(() => object.vandal = true);
  attempt(() => void Object.defineProperty(object, "toJSON", { value: () => "vandal" }));
  attempt(() => void Object.setPrototypeOf(object, { toJSON: () => "vandal" }));
  Reflect.set(object, "vandal", true);
  Reflect.deleteProperty(object, keys[0] ?? "vandal");
  return refused;
}

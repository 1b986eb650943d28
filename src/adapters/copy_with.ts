/**
 * Returns a copy of an object of any class, some of whose members are replaced: its methods see the new ones. Getters
 * and setters still belong to the original, because they may use private fields, which no copy has.
 */
export function copyWith<Value extends object>(value: Value, changes: Partial<Value>): Value {
  const copy: Value = Object.create(Object.getPrototypeOf(value));
  const seen = new Set<PropertyKey>();
  let at: object | null = value;
  for (; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const key of Reflect.ownKeys(at)) {
      if (seen.has(key)) continue;
      seen.add(key); // hides those of the same name that it inherits
      const member = Object.getOwnPropertyDescriptor(at, key)!;
      const isAccessor = !("value" in member);
      if (at !== value && !isAccessor) continue; // inherited by the copy, too
      Object.defineProperty(copy, key, {
        ...(isAccessor ? accessorOf(value, member) : member),
        configurable: true, // so that a change can replace it
      });
    }
  }
  return Object.defineProperties(copy, Object.getOwnPropertyDescriptors({ ...changes }));
}

/** Returns an accessor that reads and writes the original. */
function accessorOf(
  original: object,
  { get, set, enumerable = false }: PropertyDescriptor,
): PropertyDescriptor {
  return {
    enumerable,
    ...(get && { get: () => get.call(original) }),
    ...(set && { set: (value: unknown) => set.call(original, value) }),
  };
}

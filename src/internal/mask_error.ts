import { LONGEST, maskUrls } from "./mask_url.ts";
import { isPlainObject } from "./validate.ts";

/**
 * Returns an error with the URLs masked in its message, its stack, its causes, its `errors` and its other
 * properties, or the error itself if it contains none. The copy has the class of the error. Strings, lists
 * and plain objects are masked as well.
 */
export function maskError<Thrown>(
  error: Thrown,
  ...known: readonly (string | undefined)[]
): Thrown {
  const copier = new MaskingCopier(known);
  const copy = copier.copy(error, 0);
  return copier.hasMasked ? copy as Thrown : error;
}

/** How deep errors, lists and objects are masked. Deeper values are left out. */
const MAX_DEPTH = 32;

/** How many characters are masked for one error. Beyond that, values are left out. */
const MAX_CHARACTERS = 16 * LONGEST;

/** What each value counts for, in characters, in addition to its own. */
const VALUE_COST = 64;

/** Replaces a value that is left out. */
const LEFT_OUT = "…";

/** Replaces a value with a getter or a proxy that throws. */
const UNREADABLE = "a value that can't be shown";

/** Properties of errors that may come from a getter of the class. */
const ERROR_PROPERTIES = ["name", "message", "stack", "cause", "code"] as const;

/** Copies an error and everything in it, and notes whether the copy differs. */
class MaskingCopier {
  hasMasked = false;
  readonly #known: readonly (string | undefined)[];
  readonly #copies = new Map<object, object>();
  #left = MAX_CHARACTERS;

  constructor(known: readonly (string | undefined)[]) {
    this.#known = known;
  }

  copy(value: unknown, depth: number): unknown {
    try {
      return this.#copy(value, depth);
    } catch {
      this.hasMasked = true;
      return UNREADABLE;
    }
  }

  #copy(value: unknown, depth: number): unknown {
    this.#left -= VALUE_COST;
    if (typeof value === "string") return this.#copyText(value);
    if (typeof value !== "object" || value === null) return value;
    const known = this.#copies.get(value);
    if (known !== undefined) return known;
    if (value instanceof URL) {
      const url = this.#copyText(value.href);
      return url === value.href ? value : url;
    }
    const isError = value instanceof Error;
    if (!isError && !Array.isArray(value) && !isPlainObject(value)) return value;
    if (this.#left < 0 || depth > MAX_DEPTH) return this.#leaveOut();
    if (isError) return this.#copyError(value, depth + 1);
    return Array.isArray(value) ? this.#copyList(value, depth + 1) : this.#copyOwn(
      value,
      this.#begin(value, Object.create(Object.getPrototypeOf(value))),
      depth + 1,
    );
  }

  #copyText(text: string): string {
    if (this.#left < 0) return this.#leaveOut();
    this.#left -= Math.min(text.length, LONGEST);
    const masked = maskUrls(text, ...this.#known);
    if (masked !== text) this.hasMasked = true;
    return masked;
  }

  #copyList(list: readonly unknown[], depth: number): object {
    const copy: unknown[] = this.#begin(list, []);
    for (let n = 0; n < list.length; n++) {
      if (this.#left < 0) {
        copy.push(this.#leaveOut());
        break;
      }
      copy.push(this.copy(list[n], depth));
    }
    return copy;
  }

  #copyError(error: Error, depth: number): object {
    const copy = this.#begin(error, new Error());
    Object.setPrototypeOf(copy, Object.getPrototypeOf(error));
    for (const name of ERROR_PROPERTIES) {
      if (!(name in error)) continue;
      const value = this.copy(Reflect.get(error, name), depth);
      const enumerable = Object.prototype.propertyIsEnumerable.call(error, name);
      Object.defineProperty(copy, name, { value, enumerable, configurable: true, writable: true });
    }
    return this.#copyOwn(error, copy, depth);
  }

  /** Copies the own properties of a value. Getters are left out, so that none is called. */
  #copyOwn(from: object, to: object, depth: number): object {
    for (const key of Reflect.ownKeys(from)) {
      if (from instanceof Error && ERROR_PROPERTIES.some((name) => name === key)) continue;
      if (this.#left < 0) {
        this.#leaveOut();
        break;
      }
      const own = Reflect.getOwnPropertyDescriptor(from, key);
      if (own === undefined || !("value" in own)) continue;
      const value = this.copy(own.value, depth);
      Object.defineProperty(to, key, { ...own, value, configurable: true, writable: true });
    }
    return to;
  }

  #begin<Copy extends object>(value: object, copy: Copy): Copy {
    this.#copies.set(value, copy);
    return copy;
  }

  #leaveOut(): string {
    this.hasMasked = true;
    return LEFT_OUT;
  }
}

const encoder = new TextEncoder();

/** How much a sum counts as, and where it wraps around. */
const SUM_BYTES = 8;
const SUM_RANGE = 1n << 64n;

/** What stands under a key: JSON, or a number that `sum` made. */
export type Content = string | bigint;

/** The JSON of a value. Unlike `JSON.stringify` it leaves nothing out but fields that are undefined. */
export function encodeValue(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value, refuseFaults);
  } catch (error) { // a fault, a cycle, or what a getter or toJSON threw
    const message = error instanceof Error ? error.message : String(error);
    throw new TypeError(`Cannot store a value as JSON can't carry it: ${message}`, {
      cause: error,
    });
  }
  if (text === undefined) {
    throw new TypeError("Cannot store a value as JSON can't carry it: it is undefined");
  }
  return text;
}

/** A fresh value. */
export function decodeValue(content: Content): unknown {
  return typeof content === "string" ? JSON.parse(content) : content;
}

/** The bytes that a commit is charged for. */
export function sizeOf(content: Content): number {
  return typeof content === "string" ? encoder.encode(content).length : SUM_BYTES;
}

/** A number that can be summed. */
export function checkAddend(value: bigint): void {
  if (typeof value !== "bigint") {
    throw new TypeError(
      `Cannot sum as the value must be a bigint: current value is ${typeof value}`,
    );
  }
  if (value < 0n || value >= SUM_RANGE) {
    throw new RangeError(
      `Cannot sum as the value must be unsigned and fit 64 bits: current value is ${value}`,
    );
  }
}

/** The sum of what stands under a key and a number. */
export function add(content: Content | undefined, value: bigint): bigint {
  if (typeof content === "string") {
    throw new TypeError("Cannot sum as the key holds a JSON value");
  }
  return ((content ?? 0n) + value) % SUM_RANGE;
}

/** A lifetime that Deno KV takes. */
export function checkLifetime(expireIn: number | undefined): void {
  if (expireIn === undefined || (Number.isSafeInteger(expireIn) && expireIn >= 0)) return;
  throw new RangeError(
    `Cannot write as 'expireIn' must be a whole number of milliseconds, 0 or more: ` +
      `current value is ${expireIn}`,
  );
}

/** A replacer that changes nothing: it throws where JSON would lose something without a word. */
function refuseFaults(this: unknown, key: string, value: unknown): unknown {
  const fault = findFault(value, this);
  if (fault !== undefined) throw new TypeError(key === "" ? fault : `${fault} at '${key}'`);
  return value;
}

function findFault(value: unknown, holder: unknown): string | undefined {
  switch (typeof value) {
    case "number":
      return Number.isFinite(value) ? undefined : String(value);
    case "undefined":
      return Array.isArray(holder) ? "undefined" : undefined;
    case "bigint":
    case "function":
    case "symbol":
      return `a ${typeof value}`;
    case "object":
      if (value instanceof Map || value instanceof Set) return "a Map or a Set";
      return ArrayBuffer.isView(value) ? "bytes" : undefined;
    default:
      return undefined;
  }
}

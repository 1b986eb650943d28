const BYTES = "pass it as Base64 text";
const ENTRIES = "pass Object.fromEntries(…)";
const LEFT_OUT = "leave it out";

/** What to pass instead of a value that JSON can't carry, by `typeof` or by its class. */
const advice: Readonly<Record<string, string>> = {
  ...{ undefined: "leave the field out, or pass null", bigint: "pass String(value)" },
  ...{ function: LEFT_OUT, symbol: LEFT_OUT, WeakMap: LEFT_OUT, WeakSet: LEFT_OUT },
  ...{ NaN: "pass null", Infinity: "pass null or text", "-Infinity": "pass null or text" },
  ...{ BigInt: "pass String(value)", Symbol: LEFT_OUT, WeakRef: LEFT_OUT },
  ...{ Map: ENTRIES, URLSearchParams: ENTRIES, Headers: ENTRIES, FormData: ENTRIES },
  ...{ Set: "pass [...set]", RegExp: "pass its source", Promise: "await it first" },
  ...{ Error: "pass { message: error.message }", "invalid Date": "pass a valid Date, or null" },
  ...{ ArrayBuffer: BYTES, SharedArrayBuffer: BYTES, DataView: BYTES, Blob: BYTES, File: BYTES },
  cycle: "pass only the fields that are needed",
};

/** Says that a value has no JSON form, and what to pass instead. `what`: its `typeof`, or its class. */
export function noJsonForm(what: string): string {
  const article = /^(?:undefined|NaN|-?Infinity)$/.test(what)
    ? ""
    : /^[aeiou]/i.test(what) && !/^u(?:int|rl|n?i)/i.test(what)
    ? "an "
    : "a ";
  const instead = Object.hasOwn(advice, what)
    ? advice[what]
    : /^(?:Uint|Int|BigUint|BigInt|Float)\d+/.test(what)
    ? BYTES
    : "pass a plain object";
  return `${article}${what} has no JSON form: ${instead}`;
}

import type { Mutation } from "./faulty_store.ts";

/** Lifetimes that the outbox was given. */
export type Lifetimes = { readonly head: number; readonly rest: number; readonly seen: number };

/** What follows the kind in a key: strings and numbers. */
const SHAPES: Readonly<Record<string, readonly string[]>> = {
  event: ["s"],
  chunk: ["sn"],
  decided: ["ssss"],
  due: ["sns", "snss"],
  delivery: ["ss"],
  dead: ["ss"],
  seen: ["ss"],
  count: ["sns"],
  lane: ["ss", "ssn"],
  endpoint: ["s"],
  endpoints: [""],
  meta: [""],
  probe: [""],
  record: ["s", "ss"],
};

/** Rule 4 and the layout: what is wrong with where something is written, and for how long. */
export function layoutFaults(mutation: Mutation, lifetimes: Lifetimes): readonly string[] {
  const { key } = mutation;
  const [prefix, kind, ...rest] = key;
  const name = key.join(" ");
  const faults: string[] = [];
  const shape = rest.map((part) => typeof part === "string" ? "s" : "n").join("");
  const known = SHAPES[String(kind)]?.includes(shape) && (shape !== "snss" || key[4] === "lane");
  if (prefix !== "hooks" || !known) faults.push(`layout: ${name}`);
  if (mutation.what === "delete") return faults;
  if ((mutation.what === "sum") !== (kind === "count" || kind === "endpoints")) {
    faults.push(`layout: ${mutation.what} of ${name}`);
  }
  if (mutation.what === "sum") return faults;
  if (mutation.expireIn !== lifetimeOf(String(kind), shape, lifetimes, rest[0])) {
    faults.push(`rule 4: ${name} for ${mutation.expireIn} ms`);
  }
  const version = (mutation.value as { v?: unknown } | null)?.v;
  if (kind !== "chunk" && version !== 1) faults.push(`layout: no version in ${name}`);
  return faults;
}

function lifetimeOf(
  kind: string,
  shape: string,
  lifetimes: Lifetimes,
  what: unknown,
): number | undefined {
  if (kind === "event" || kind === "decided") return lifetimes.head;
  if (kind === "seen") return lifetimes.seen;
  // Of the hooks: a decision for a day, a salt for good, an ask as long as all else.
  if (kind === "record" && what === "decision") return 24 * 60 * 60 * 1000;
  if (kind === "record" && what === "salt") return undefined;
  const forever = kind === "meta" || kind === "endpoint" || (kind === "lane" && shape === "ss") ||
    (kind === "due" && shape === "snss");
  return forever ? undefined : lifetimes.rest;
}

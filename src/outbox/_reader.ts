import { fromWire, type HookEvent } from "../core/mod.ts";
import type { Store } from "../store/mod.ts";
import { readKeys } from "./_commit.ts";
import type { Env } from "./_env.ts";
import type { Keys } from "./_keys.ts";
import { type DeliveryLog, type EventHead, VERSION } from "./_records.ts";

/** What a delivery is about: the event, or why there is none. */
export type Loaded = {
  readonly event: HookEvent | "expired" | "unreadable";
  readonly log: DeliveryLog;
};

/** The log of a delivery that was never settled. */
export const NEW_LOG: DeliveryLog = { v: VERSION, state: "pending", made: 0, attempts: [] };

/** How long a read waits for the store, in milliseconds; after that the lease is returned. */
const PATIENCE = 5_000;

/** Reads a delivery's event and log. */
export async function loadDelivery(
  store: Store,
  keys: Keys,
  target: string,
  id: string,
  env: Env,
): Promise<Loaded> {
  const pair = [keys.event(id), keys.delivery(target, id)];
  const [head, log] = await readKeys(store, pair, env, PATIENCE);
  return {
    event: await readEvent(store, keys, id, head!.value as EventHead | null, env),
    log: readLog(log!.value),
  };
}

/** The log under a key; one that can't be read counts as none. */
export function readLog(value: unknown): DeliveryLog {
  const log = value as DeliveryLog | null;
  const whole = typeof log?.made === "number" && Array.isArray(log.attempts);
  return whole ? log! : NEW_LOG;
}

/** The event of a head, wherever its body is. */
export async function readEvent(
  store: Store,
  keys: Keys,
  id: string,
  head: EventHead | null,
  env: Env,
): Promise<Loaded["event"]> {
  if (head === null) return "expired";
  const chunks = Array.from({ length: head.chunks ?? 0 }, (_, n) => keys.chunk(id, n));
  // A fault of the store is no fault of the event: the lease ends, and somebody tries again.
  const parts = (await readKeys(store, chunks, env, PATIENCE)).map(({ value }) => value);
  if (parts.includes(null)) return "unreadable";
  try {
    if (parts.length === 0) return fromWire(head.event);
    return fromWire(JSON.parse(parts.join("")));
  } catch {
    return "unreadable";
  }
}

import type { HookRegistry } from "../core/mod.ts";
import { isExact, patternsFor } from "../core/event_rules.ts";
import { WebhookStoreError } from "./errors.ts";
import type { WebhookRecords } from "./record_store.ts";
import type { StoredWebhook } from "./types.ts";

/** The subscribers of events. */
type Subscriber = { readonly name: string; readonly events: readonly string[] };

/** Targets of an event that are left free: several processes may create webhooks at once. */
const RESERVE = 20;

/**
 * Asserts that events which a webhook receives can still be stored. An event is stored with all of its
 * deliveries, or rejected, no matter which code emits it.
 *
 * @param isFiltered Whether a webhook of that name has a filter, and so isn't counted
 * @throws {WebhookStoreError} `too_many_webhooks`
 */
export function checkFanOut(
  action: string,
  { name, events }: Subscriber,
  { registry, records }: { readonly registry: HookRegistry; readonly records: WebhookRecords },
  isFiltered: (name: string) => boolean,
): void {
  const others = registry.list().filter((one) =>
    one.durable && one.name !== name && !isFiltered(one.name)
  );
  const names = widestFanOut({ name, events }, others);
  const reserve = Array.from({ length: RESERVE }, (_, n) => `${n}`.padStart(name.length, "-"));
  if (records.fitsTargets([...names, ...reserve])) return;
  throw new WebhookStoreError(
    "too_many_webhooks",
    `Cannot ${action} webhook '${name}': ${
      names.length - 1
    } others receive the same events, the most ` +
      "that this store can have. Narrow its 'events', or set a 'filter'",
  );
}

/** Returns whether a change may let a webhook receive events that it didn't. */
export function mayWiden(
  before: StoredWebhook["fields"] | undefined,
  after: StoredWebhook["fields"],
): boolean {
  if (hasFilter(after)) return false;
  return !before || hasFilter(before) || `${before.events}` !== `${after.events}`;
}

/** Returns whether a webhook has a filter: it may receive few of the events that it subscribes to. */
export function hasFilter({ filter }: StoredWebhook["fields"]): boolean {
  return Object.keys(filter ?? {}).length > 0;
}

/**
 * Returns the names of all subscribers of the event that has the most of them, among those that one
 * subscriber receives. Its own name comes first.
 */
function widestFanOut(
  { name, events }: Subscriber,
  others: readonly Subscriber[],
): readonly string[] {
  const byPattern = new Map<string, string[]>();
  for (const one of [{ name, events }, ...others]) {
    for (const pattern of one.events) {
      const names = byPattern.get(pattern);
      if (names) names.push(one.name);
      else byPattern.set(pattern, [one.name]);
    }
  }
  let widest: ReadonlySet<string> = new Set([name]);
  for (const pattern of byPattern.keys()) {
    const patterns = patternsFor(sampleOf(pattern));
    if (!patterns.some((one) => events.includes(one))) continue;
    const names = new Set([name]);
    for (const one of patterns) for (const other of byPattern.get(one) ?? []) names.add(other);
    if (names.size > widest.size) widest = names;
  }
  return [...widest];
}

/** Returns a type that a pattern matches, but none of the patterns below it. */
function sampleOf(pattern: string): string {
  return isExact(pattern) ? pattern : `${pattern.slice(0, -1)}any-other-type`;
}

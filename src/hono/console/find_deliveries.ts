import { isPattern, patternsFor } from "../../core/event_rules.ts";
import { NAME_PATTERN } from "../../internal/validate.ts";
import type { DeliverySummary, Outbox } from "../../outbox/mod.ts";
import { type ListPage, readPage } from "./read_page.ts";
import type { Query } from "./request.ts";

/** Events that are read at the same time: each may have megabytes. */
const CONCURRENT_READS = 8;

/** Which deliveries a page shows. */
type DeliveryFilter = {
  readonly target: string | undefined;
  readonly type: string | undefined;
  readonly since: Date | undefined;
  readonly until: Date | undefined;
};

/** A delivery with what its event says. */
export type ListedDelivery = DeliverySummary & {
  readonly type: string | undefined;
  readonly sessionId: string | undefined;
};

/** What is wrong with a filter, by field. */
export type FilterErrors = Readonly<Partial<Record<keyof DeliveryFilter, string>>>;

/** A filter that was read, and what is wrong with it. */
type ReadFilter = { readonly filter: DeliveryFilter; readonly errors: FilterErrors };

/** Reads the filter of a query or a form. Invalid fields are left out, and explained in `errors`. */
export function readFilter(query: URLSearchParams): ReadFilter {
  const errors: Partial<Record<keyof DeliveryFilter, string>> = {};
  const read = <Value>(
    name: keyof DeliveryFilter,
    parse: (text: string) => Value | undefined,
    rule: string,
  ): Value | undefined => {
    const text = query.get(name)?.trim();
    if (!text) return undefined;
    const value = parse(text);
    if (value === undefined) errors[name] = rule;
    return value;
  };
  const only = (isValid: (text: string) => boolean) => (text: string) =>
    isValid(text) ? text : undefined;
  return {
    filter: {
      target: read("target", only((text) => NAME_PATTERN.test(text)), "Not the name of a target."),
      type: read("type", only(isPattern), "Use a type, or a prefix such as tool.*"),
      since: read("since", parseLocal, "Not a time."),
      until: read("until", parseLocal, "Not a time."),
    },
    errors,
  };
}

/** Returns a filter as the query of a link, or the fields of a form. */
export function toQuery({ target, type, since, until }: DeliveryFilter): Query {
  return { target, type, since: since && toLocal(since), until: until && toLocal(until) };
}

/** Returns a time as `<input type="datetime-local">` has it, in UTC. */
function toLocal(time: Date): string {
  return time.toISOString().slice(0, 16);
}

function parseLocal(text: string): Date | undefined {
  const match = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?/.exec(text);
  const time = new Date(`${match?.[0]}Z`);
  return Number.isNaN(time.getTime()) ? undefined : time;
}

/**
 * Lists deliveries, target by target, the newest event first, or what is due next first. None if the filter
 * has errors: a list of everything would look like what was asked for.
 *
 * @throws {Problem} when the cursor comes from elsewhere
 */
export async function findDeliveries(
  outbox: Outbox,
  state: "pending" | "attempted" | "dead",
  { filter, errors }: ReadFilter,
  from: string | undefined,
): Promise<ListPage<ListedDelivery>> {
  if (Object.keys(errors).length > 0) return { items: [], cursor: undefined, isShort: false };
  const { type, ...rest } = filter;
  const order = state === "pending" ? "oldest" : "newest";
  return await readPage(from, async (position) => {
    const page = await outbox.listDeliveries({ state, ...rest, order, ...position });
    const items = (await withEvents(outbox, page.items)).filter((one) =>
      type === undefined || (one.type !== undefined && patternsFor(one.type).includes(type))
    );
    return { ...page, items };
  });
}

/** Adds what the events say that are still stored. */
async function withEvents(
  outbox: Outbox,
  items: readonly DeliverySummary[],
): Promise<readonly ListedDelivery[]> {
  const ids = new Set(items.map(({ eventId }) => eventId));
  const remaining = ids.values();
  const events = new Map<string, { readonly type: string; readonly sessionId?: string }>();
  const read = async (): Promise<void> => {
    for (const id of remaining) {
      const stored = await outbox.getEvent(id);
      if (stored !== undefined) events.set(id, stored.event);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT_READS }, read));
  return items.map((item) => {
    const { type, sessionId } = events.get(item.eventId) ?? {};
    return { ...item, type, sessionId };
  });
}

import type {
  DeliveryListOptions,
  DeliverySummary,
  EventListOptions,
  Outbox,
  Page,
} from "../outbox/mod.ts";
import { parseTime } from "../core/event_rules.ts";
import type { Call } from "./_call.ts";
import { goOn } from "./_cursor.ts";
import { outboxOf } from "./_outbox.ts";
import { Problem } from "./_problems.ts";
import { type Json, wireDelivery, wireStored, wireSummary } from "./_wire.ts";

type EventsQuery = {
  readonly type?: string;
  readonly session?: string;
  readonly since?: string;
  readonly until?: string;
  readonly order?: EventListOptions["order"];
  readonly limit?: number;
  readonly cursor?: string;
};

type DeliveriesQuery = Partial<DeliveryListOptions> & { readonly include?: "event" };

/** Events of a page of deliveries that are read at once: each may have megabytes. */
const EVENTS_AT_ONCE = 8;

/** Accepted events, page by page. */
export async function listEvents(call: Call): Promise<Response> {
  const { session, since, until, ...query } = call.query as EventsQuery;
  const options = {
    ...query,
    sessionId: session,
    since: parseTime(since),
    until: parseTime(until),
  };
  const page = await goOn(query.cursor, "?cursor", () => outboxOf(call).listEvents(options));
  return answerPage(call, "events", page, page.items.map(wireStored));
}

/** One accepted event. */
export async function getEvent(call: Call): Promise<Response> {
  const stored = await outboxOf(call).getEvent(call.param("id"));
  if (stored === undefined) throw new Problem("event_not_found");
  return call.json(200, wireStored(stored));
}

/** Deliveries of one state, page by page. */
export async function listDeliveries(call: Call): Promise<Response> {
  const { state = "attempted", include, ...query } = call.query as DeliveriesQuery;
  const outbox = outboxOf(call);
  const page = await goOn(
    query.cursor,
    "?cursor",
    () => outbox.listDeliveries({ state, ...query }),
  );
  const events = include ? await eventsOf(outbox, page.items) : new Map<string, Json>();
  const items = page.items.map((item) => ({ ...wireSummary(item), ...events.get(item.eventId) }));
  return answerPage(call, "deliveries", page, items);
}

/** The type and the session of each event that is still stored, by its id. */
async function eventsOf(
  outbox: Outbox,
  items: readonly DeliverySummary[],
): Promise<ReadonlyMap<string, Json>> {
  const found = new Map<string, Json>();
  const left = [...new Set(items.map(({ eventId }) => eventId))];
  const work = async (): Promise<void> => {
    for (let id = left.pop(); id !== undefined; id = left.pop()) {
      const stored = await outbox.getEvent(id);
      if (stored === undefined) continue;
      const { type, sessionId } = stored.event;
      found.set(id, { type, ...(sessionId ? { session_id: sessionId } : {}) });
    }
  };
  await Promise.all(Array.from({ length: EVENTS_AT_ONCE }, work));
  return found;
}

/** One delivery, with the log of its attempts. */
export async function getDelivery(call: Call): Promise<Response> {
  const delivery = await outboxOf(call).get(call.param("target"), call.param("id"));
  if (delivery === undefined) throw new Problem("delivery_not_found");
  return call.json(200, wireDelivery(delivery));
}

/** The link is relative to the request's own address: it holds wherever the app is mounted. */
function answerPage(
  call: Call,
  name: string,
  page: Page<unknown>,
  items: readonly Json[],
): Response {
  const { cursor } = page;
  if (cursor === undefined) return call.json(200, { [name]: items });
  const { search } = new URL(call.request.url);
  const next = new URLSearchParams(search);
  next.set("cursor", cursor);
  return call.json(200, { [name]: items, next_cursor: cursor }, { link: `<?${next}>; rel="next"` });
}

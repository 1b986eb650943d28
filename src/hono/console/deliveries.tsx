/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import { act } from "./actions.ts";
import { EmptyState, NoMatchYet, Pagination } from "./components.tsx";
import { DeliveryTable, FilterFields } from "./delivery_table.tsx";
import { SelectField } from "./fields.tsx";
import { findDeliveries, readFilter, toQuery } from "./find_deliveries.ts";
import { respondPage } from "./layout.tsx";
import { type ConsoleRoute, link, outboxOf, type PageRequest, targetNames } from "./request.ts";
import type { Notice } from "./request.ts";
import type { RetryOutcome } from "../../outbox/mod.ts";

const STATES = {
  attempted: "Attempted",
  pending: "Pending",
  dead: "Dead",
} as const;

/** What a retry led to. */
const OUTCOMES: Readonly<Record<RetryOutcome, Notice>> = {
  moved: { kind: "ok", text: "The delivery is due now." },
  queued: {
    kind: "ok",
    text: "An earlier event of the same session must be delivered first. This one follows it.",
  },
  replayed: { kind: "ok", text: "The event is delivered again." },
  leased: { kind: "error", text: "An attempt is in progress. Look again in a moment." },
  gone: { kind: "error", text: "The event is no longer stored, so it can't be delivered." },
  unknown: { kind: "error", text: "This delivery isn't stored any more." },
};

/** The list of deliveries, and the retry of one. */
export const deliveryPages: readonly ConsoleRoute[] = [
  { method: "GET", path: "deliveries", scope: "read", handle: listDeliveries },
  {
    method: "POST",
    path: "deliveries/:target/:id/retry",
    scope: "admin",
    handle: (at) =>
      act(at, "deliveries", async () => {
        const { target, id } = at.params;
        return OUTCOMES[await outboxOf(at).retry(target!, id!)];
      }),
  },
];

async function listDeliveries(at: PageRequest): Promise<Response> {
  const outbox = outboxOf(at);
  const given = at.query.get("state");
  const state = given === "pending" || given === "dead" ? given : "attempted";
  const { filter, errors } = readFilter(at.query);
  const from = at.query.get("cursor") ?? undefined;
  const page = await findDeliveries(outbox, state, { filter, errors }, from);
  const { items } = page;
  const query = { state: state === "attempted" ? undefined : state, ...toQuery(filter) };
  const isWrong = Object.keys(errors).length > 0;
  const isFiltered = isWrong || Object.values(query).some((value) => value !== undefined);
  const here = link({ root: "" }, "deliveries", { ...query, cursor: from });
  const content = (
    <>
      <form class="filter" method="get" action={link(at, "deliveries")}>
        <SelectField name="state" label="State" value={state} options={Object.entries(STATES)} />
        <FilterFields query={at.query} errors={errors} targets={targetNames(at)} />
        <button type="submit">Filter</button>
        {isFiltered && <a class="button" href={link(at, "deliveries")}>Clear</a>}
      </form>
      {items.length > 0 && <DeliveryTable at={at} caption="Deliveries" items={items} back={here} />}
      {items.length === 0 && (isWrong
        ? <EmptyState title="Correct the filter to see a list" />
        : page.isShort
        ? <NoMatchYet items="deliveries" />
        : isFiltered
        ? (
          <EmptyState title="No deliveries match">
            <p>
              <a href={link(at, "deliveries")}>Show all attempted deliveries</a>, or those that are
              {" "}
              <a href={link(at, "deliveries", { state: "pending" })}>pending</a>.
            </p>
          </EmptyState>
        )
        : (
          <EmptyState title="No deliveries yet">
            <p>
              Deliveries appear here as soon as an event matches a webhook or a durable hook.
            </p>
          </EmptyState>
        ))}
      <Pagination
        at={at}
        path="deliveries"
        query={{ ...query, cursor: from }}
        cursor={page.cursor}
        isShort={page.isShort}
      />
    </>
  );
  const lead = state === "pending"
    ? "Events waiting for delivery, by target, next due first."
    : "Deliveries to webhooks and durable hooks, by target, newest first.";
  return await respondPage(at, { title: "Deliveries", section: "deliveries", lead }, content);
}

/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import type { Outbox, RetryOutcome } from "../../outbox/mod.ts";
import { ActionForm, EmptyState, formatCount, Section, SelectField } from "./components.tsx";
import {
  DeliveryFilterForm,
  type DeliveryList,
  DeliveryTable,
  listDeliveries,
  readFilter,
  toQuery,
} from "./delivery_list.tsx";
import { respondPage } from "./layout.tsx";
import { List } from "./list.tsx";
import { ReplayTable } from "./replay_pages.tsx";
import {
  act,
  attempt,
  can,
  type ConsoleRoute,
  failed,
  link,
  type Notice,
  outboxOf,
  type PageRequest,
  redirect,
} from "./request.ts";

const STATES = {
  attempted: "Attempted",
  pending: "Pending",
  dead: "Dead",
} as const;

/** The notice for each result of a retry. */
const OUTCOMES: Readonly<Record<RetryOutcome, string | Notice>> = {
  moved: "The delivery is due now.",
  queued: "An earlier event of the same session must be delivered first. This one follows it.",
  replayed: "The event is delivered again.",
  leased: failed("An attempt is in progress. Look again in a moment."),
  gone: failed("The event is no longer stored, so it can't be delivered."),
  unknown: failed("This delivery is no longer stored."),
};

/** Dead letters that one form may replay: those of a page. */
const MAX_SELECTED = 100;

/** The form that the boxes of the table belong to. */
const FORM = "replay-selected";

/** The lists of deliveries and of dead letters, the retry of one, and the replay of some or all. */
export const deliveryPages: readonly ConsoleRoute[] = [
  { method: "GET", path: "deliveries", scope: "read", handle: showDeliveries },
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
  { method: "GET", path: "dead-letters", scope: "read", handle: showDeadLetters },
  {
    method: "POST",
    path: "dead-letters/replay",
    scope: "admin",
    handle: (at) => act(at, "dead-letters", () => replaySelected(at)),
  },
  { method: "POST", path: "dead-letters/replay-all", scope: "admin", handle: replayAll },
];

async function showDeliveries(at: PageRequest): Promise<Response> {
  const given = at.query.get("state");
  const state = given === "pending" || given === "dead" ? given : "attempted";
  const list = await listDeliveries(at, "deliveries", state);
  const empty = list.isFiltered
    ? (
      <EmptyState title="No deliveries match">
        <p>
          <a href={link(at, "deliveries")}>Show all attempted deliveries</a>, or those that are{" "}
          <a href={link(at, "deliveries", { state: "pending" })}>pending</a>.
        </p>
      </EmptyState>
    )
    : (
      <EmptyState title="No deliveries yet">
        <p>Deliveries appear here as soon as an event matches a webhook or a durable hook.</p>
      </EmptyState>
    );
  const content = (
    <>
      <DeliveryFilterForm at={at} path="deliveries" list={list}>
        <SelectField name="state" label="State" value={state} options={Object.entries(STATES)} />
      </DeliveryFilterForm>
      <List at={at} path="deliveries" what="deliveries" empty={empty} {...list}>
        <DeliveryTable at={at} list={list} />
      </List>
    </>
  );
  const lead = state === "pending"
    ? "Events waiting for delivery, by target, next due first."
    : "Deliveries to webhooks and durable hooks, by target, newest first.";
  return await respondPage(at, { title: "Deliveries", section: "deliveries", lead }, content);
}

async function showDeadLetters(at: PageRequest): Promise<Response> {
  const list = await listDeliveries(at, "dead-letters", "dead");
  const replays = await outboxOf(at).replays.list({ limit: 5 });
  const empty = list.isFiltered
    ? (
      <EmptyState title="No dead letters match">
        <p>
          <a href={link(at, "dead-letters")}>Show all dead letters</a>
        </p>
      </EmptyState>
    )
    : (
      <EmptyState title="No dead letters">
        <p>
          No delivery has been given up. One that fails for good stays here until you replay it.
        </p>
      </EmptyState>
    );
  const content = (
    <>
      <DeliveryFilterForm at={at} path="dead-letters" list={list} />
      <List at={at} path="dead-letters" what="dead letters" empty={empty} {...list}>
        <DeliveryTable at={at} list={list} form={FORM} />
        {can(at, "admin") && <ReplayForms at={at} list={list} />}
      </List>
      {replays.length > 0 && (
        <Section title="Replays" id="replays">
          <ReplayTable at={at} replays={replays} />
        </Section>
      )}
    </>
  );
  const lead = "Deliveries that were given up. Fix their target, then replay them.";
  const head = { title: "Dead letters", section: "dead-letters", lead } as const;
  return await respondPage(at, head, content);
}

/** Renders the buttons that replay dead letters: those that are selected, or all that match the filter. */
function ReplayForms({ at, list }: { at: PageRequest; list: DeliveryList }): Child {
  const { page: { items, cursor }, query, isFiltered, back } = list;
  // The number is known only if all are on this page: counting the rest would take too long.
  const isWhole = cursor === undefined && !at.query.has("cursor");
  const all = isWhole && items.length > 1 ? `all ${formatCount(items.length)}` : "all";
  const name = isWhole || !isFiltered ? all : "all that match";
  return (
    <div class="row below">
      <ActionForm at={at} path="dead-letters/replay" id={FORM} fields={{ back }}>
        <button type="submit">Replay selected</button>
      </ActionForm>
      <ActionForm
        at={at}
        path="dead-letters/replay-all"
        fields={query}
        data-confirm={`Replay ${name}? Their targets receive them again.`}
      >
        <button type="submit" class="primary">Replay {name}</button>
      </ActionForm>
    </div>
  );
}

/** Replays the dead letters that are selected, each as `target id`. */
async function replaySelected(at: PageRequest): Promise<string | Notice> {
  const outbox: Outbox = outboxOf(at);
  const selected = at.form.getAll("delivery").slice(0, MAX_SELECTED);
  if (selected.length === 0) {
    return failed("Nothing is selected: check the boxes of dead letters first.");
  }
  let replayed = 0;
  for (const one of selected) {
    const [target = "", id = ""] = one.split(" ");
    const outcome = await outbox.retry(target, id);
    if (typeof OUTCOMES[outcome] === "string") replayed++;
  }
  const skipped = selected.length - replayed;
  const rest = skipped === 0
    ? ""
    : `; ${formatCount(skipped)} skipped, because they are gone or in progress`;
  return `${formatCount(replayed)} replayed${rest}.`;
}

async function replayAll(at: PageRequest): Promise<Response> {
  const { filter, errors } = readFilter(at.form);
  const [error] = Object.values(errors);
  if (error !== undefined) {
    return await redirect(at, "dead-letters", { notice: failed(error), query: toQuery(filter) });
  }
  let path = "dead-letters";
  const notice = await attempt(async () => {
    const { id } = await outboxOf(at).replays.start(filter);
    path = `replays/${id}`;
    return "The replay runs in the background. You can close this page.";
  });
  return await redirect(at, path, { notice });
}

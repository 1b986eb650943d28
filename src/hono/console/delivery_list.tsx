/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import { isPattern, patternsFor } from "../../core/event_rules.ts";
import { NAME_PATTERN } from "../../internal/validate.ts";
import type { DeliverySummary } from "../../outbox/mod.ts";
import { readEvents } from "../deliveries.ts";
import {
  ActionForm,
  formatCount,
  formatDuration,
  Lines,
  SelectField,
  StateBadge,
  Table,
  TextField,
  Time,
} from "./components.tsx";
import { FilterForm, type ListPage, NOTHING_READ, readPage } from "./list.tsx";
import { can, link, outboxOf, type PageRequest, type Query, targetNames } from "./request.ts";

/** Which deliveries a page shows. */
type DeliveryFilter = {
  readonly target: string | undefined;
  readonly type: string | undefined;
  readonly since: Date | undefined;
  readonly until: Date | undefined;
};

/** What is wrong with a filter, by field. */
type FilterErrors = Readonly<Partial<Record<keyof DeliveryFilter, string>>>;

/** Reads the filter of a query or a form. Invalid fields are left out, and explained in `errors`. */
export function readFilter(
  query: URLSearchParams,
): { readonly filter: DeliveryFilter; readonly errors: FilterErrors } {
  const errors: Partial<Record<keyof DeliveryFilter, string>> = {};
  const read = <Value,>(
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

function parseLocal(text: string): Date | undefined {
  const match = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?/.exec(text);
  const time = new Date(`${match?.[0]}Z`);
  return Number.isNaN(time.getTime()) ? undefined : time;
}

/** Returns a filter as the query of a link, or the fields of a form. */
export function toQuery({ target, type, since, until }: DeliveryFilter): Query {
  return { target, type, since: since && toLocal(since), until: until && toLocal(until) };
}

/** Returns a time as `<input type="datetime-local">` has it, in UTC. */
function toLocal(time: Date): string {
  return time.toISOString().slice(0, 16);
}

/** A delivery, with fields of its event. */
type ListedDelivery = DeliverySummary & {
  readonly type?: string;
  readonly sessionId?: string;
};

/** A list of deliveries, with its filter. */
export type DeliveryList = {
  readonly page: ListPage<ListedDelivery>;
  readonly query: Query;
  readonly errors: FilterErrors;
  readonly isFiltered: boolean;
  /** The page of the list, to come back to after a retry. */
  readonly back: string;
};

/** Lists deliveries, target by target, the newest event first, or what is due next first. */
export async function listDeliveries(
  at: PageRequest,
  path: string,
  state: "pending" | "attempted" | "dead",
): Promise<DeliveryList> {
  const outbox = outboxOf(at);
  const { filter, errors } = readFilter(at.query);
  const { type, ...rest } = filter;
  const order = state === "pending" ? "oldest" : "newest";
  const isWrong = Object.keys(errors).length > 0;
  const page = isWrong ? NOTHING_READ : await readPage(at, async (position) => {
    const found = await outbox.listDeliveries({ state, ...rest, order, ...position });
    const events = await readEvents(outbox, found.items);
    const items: readonly ListedDelivery[] = found.items.map((item) => {
      return { ...item, ...events.get(item.eventId) };
    });
    const isMatch = (one: ListedDelivery): boolean =>
      type === undefined || (one.type !== undefined && patternsFor(one.type).includes(type));
    return { ...found, items: items.filter(isMatch) };
  });
  const isDefault = state === "attempted" || path === "dead-letters";
  const query = { state: isDefault ? undefined : state, ...toQuery(filter) };
  const isFiltered = isWrong || Object.values(query).some((value) => value !== undefined);
  const cursor = at.query.get("cursor") ?? undefined;
  return { page, query, errors, isFiltered, back: link({ root: "" }, path, { ...query, cursor }) };
}

const FILTERS = [
  { name: "type", label: "Event type", placeholder: "tool.*" },
  { name: "since", label: "Since (UTC)", type: "datetime-local" },
  { name: "until", label: "Until (UTC)", type: "datetime-local" },
] as const;

/** Renders the form of a filter by target, type and time; `children` are further fields. */
export function DeliveryFilterForm(
  { at, path, list: { errors, isFiltered }, children }: {
    at: PageRequest;
    path: string;
    list: DeliveryList;
    children?: Child;
  },
): Child {
  const targets = targetNames(at).map((name) => [name, name] as const);
  return (
    <FilterForm at={at} path={path} isFiltered={isFiltered}>
      {children}
      <SelectField
        name="target"
        label="Target"
        value={at.query.get("target")}
        options={[["", "All targets"], ...targets]}
      />
      {FILTERS.map(({ name, ...field }) => (
        <TextField name={name} value={at.query.get(name)} error={errors[name]} {...field} />
      ))}
    </FilterForm>
  );
}

/** Renders a table of deliveries, each with a button to retry it. Dead letters have a checkbox for `form`. */
export function DeliveryTable(
  { at, list: { page, back }, form }: { at: PageRequest; list: DeliveryList; form?: string },
): Child {
  const mayRetry = can(at, "admin");
  const isDead = form !== undefined;
  return (
    <Table
      caption={isDead ? "Dead letters" : "Deliveries"}
      rows={page.items}
      columns={[
        mayRetry && isDead && {
          label: "Select",
          kind: "hidden",
          cell: ({ target, eventId, type = "event" }) => (
            <input
              type="checkbox"
              form={form}
              name="delivery"
              value={`${target} ${eventId}`}
              aria-label={`Select ${type} ${eventId} to ${target}`}
            />
          ),
        },
        { label: "Event", kind: "wide", cell: (one) => <EventLink at={at} delivery={one} /> },
        { label: "Target", cell: ({ target }) => target },
        isDead
          ? { label: "Reason", kind: "wide", cell: ({ reason = "" }) => reason }
          : { label: "State", cell: ({ state }) => <StateBadge state={state} /> },
        {
          label: "Attempts",
          kind: "number",
          cell: ({ made }) => made === undefined ? "–" : formatCount(made),
        },
        isDead
          ? {
            label: "Given up",
            cell: ({ diedAt }) => diedAt ? <Time at={at} time={diedAt} /> : "",
          }
          : {
            label: "Last attempt",
            kind: "wide",
            cell: (one) => <LastAttempt at={at} delivery={one} />,
          },
        mayRetry && {
          label: "Retry",
          kind: "hidden",
          cell: (one) => <RetryForm at={at} delivery={one} back={back} />,
        },
      ]}
    />
  );
}

function EventLink({ at, delivery }: { at: PageRequest; delivery: ListedDelivery }): Child {
  const { type, eventId, sessionId } = delivery;
  return (
    <>
      <a href={link(at, `events/${encodeURIComponent(eventId)}`)}>
        {type ?? "Event no longer stored"}
      </a>
      <br />
      <small class="mono">{eventId}</small>
      <Lines lines={[sessionId && `Session ${sessionId}`]} />
    </>
  );
}

function LastAttempt({ at, delivery }: { at: PageRequest; delivery: ListedDelivery }): Child {
  const { lastAttempt, dueAt, leasedUntil, state } = delivery;
  const next = state === "pending" && dueAt &&
    (leasedUntil ? "An attempt is in progress" : <>Due {<Time at={at} time={dueAt} />}</>);
  if (lastAttempt === undefined) return <small>{next || "Waiting for its turn"}</small>;
  const { at: time, status, error, duration } = lastAttempt;
  return (
    <>
      {error ?? (status === undefined ? "Delivered" : `Status ${status}`)}
      <Lines
        lines={[
          <>
            <Time at={at} time={time} />, took {formatDuration(duration)}
          </>,
          next,
        ]}
      />
    </>
  );
}

/** Renders a button that retries a delivery now. */
export function RetryForm(
  { at, delivery: { target, eventId, type }, back }: {
    at: PageRequest;
    delivery: Pick<ListedDelivery, "target" | "eventId" | "type">;
    back: string;
  },
): Child {
  const path = `deliveries/${encodeURIComponent(target)}/${encodeURIComponent(eventId)}/retry`;
  return (
    <ActionForm at={at} path={path} fields={{ back }}>
      <button type="submit" aria-label={`Retry now: ${type ?? eventId} to ${target}`}>
        Retry now
      </button>
    </ActionForm>
  );
}

/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import {
  ActionForm,
  type Column,
  formatCount,
  formatDuration,
  StateBadge,
  Table,
  Time,
} from "./components.tsx";
import { SelectField, TextField } from "./fields.tsx";
import type { FilterErrors, ListedDelivery } from "./find_deliveries.ts";
import { can, link, type PageRequest } from "./request.ts";

/** What the tables of deliveries have in common. */
type Props = {
  readonly at: PageRequest;
  readonly caption: string;
  readonly items: readonly ListedDelivery[];
  /** This page, to come back to after a retry. */
  readonly back: string;
};

/** A table of deliveries, each with a button to retry it. */
export function DeliveryTable({ at, caption, items, back }: Props): Child {
  const mayRetry = can(at, "admin");
  const columns: Column[] = [
    { label: "Event", kind: "wide" },
    { label: "Target" },
    { label: "State" },
    { label: "Attempts", kind: "number" },
    { label: "Last attempt", kind: "wide" },
    ...(mayRetry ? [{ label: "Retry", kind: "hidden" } as const] : []),
  ];
  const rows = items.map((one) => [
    <EventLink at={at} delivery={one} />,
    one.target,
    <StateBadge state={one.state} />,
    one.made === undefined ? "–" : formatCount(one.made),
    <LastAttempt at={at} delivery={one} />,
    ...(mayRetry ? [<RetryForm at={at} delivery={one} back={back} />] : []),
  ]);
  return <Table caption={caption} columns={columns} rows={rows} />;
}

/** A table of dead letters, each with a box to select it for the form `form`. */
export function DeadLetterTable(
  { at, caption, items, back, form }: Props & { readonly form: string },
): Child {
  const mayReplay = can(at, "admin");
  const columns: Column[] = [
    ...(mayReplay ? [{ label: "Select", kind: "hidden" } as const] : []),
    { label: "Event", kind: "wide" },
    { label: "Target" },
    { label: "Reason", kind: "wide" },
    { label: "Attempts", kind: "number" },
    { label: "Given up" },
    ...(mayReplay ? [{ label: "Retry", kind: "hidden" } as const] : []),
  ];
  const rows = items.map((one) => [
    ...(mayReplay
      ? [
        <input
          type="checkbox"
          form={form}
          name="delivery"
          value={`${one.target} ${one.eventId}`}
          aria-label={`Select ${one.type ?? "event"} ${one.eventId} to ${one.target}`}
        />,
      ]
      : []),
    <EventLink at={at} delivery={one} />,
    one.target,
    one.reason ?? "",
    one.made === undefined ? "–" : formatCount(one.made),
    one.diedAt ? <Time at={at} time={one.diedAt} /> : "",
    ...(mayReplay ? [<RetryForm at={at} delivery={one} back={back} />] : []),
  ]);
  return <Table caption={caption} columns={columns} rows={rows} />;
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
      {sessionId && (
        <>
          <br />
          <small>Session {sessionId}</small>
        </>
      )}
    </>
  );
}

function LastAttempt({ at, delivery }: { at: PageRequest; delivery: ListedDelivery }): Child {
  const { lastAttempt, dueAt, leasedUntil, state } = delivery;
  const next = state === "pending" && dueAt && (
    <small>
      {leasedUntil ? "An attempt is in progress" : <>Due {<Time at={at} time={dueAt} />}</>}
    </small>
  );
  if (lastAttempt === undefined) return next || <small>Waiting for its turn</small>;
  const { at: time, status, error, duration } = lastAttempt;
  return (
    <>
      {error ?? (status === undefined ? "Delivered" : `Status ${status}`)}
      <br />
      <small>
        <Time at={at} time={time} />, took {formatDuration(duration)}
      </small>
      {next && (
        <>
          <br />
          {next}
        </>
      )}
    </>
  );
}

/** A button that retries a delivery now. */
export function RetryForm(
  { at, delivery: { target, eventId, type }, back }: {
    at: PageRequest;
    delivery: {
      readonly target: string;
      readonly eventId: string;
      readonly type?: string | undefined;
    };
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

const FILTERS = [
  { name: "type", label: "Event type", placeholder: "tool.*" },
  { name: "since", label: "Since (UTC)", type: "datetime-local" },
  { name: "until", label: "Until (UTC)", type: "datetime-local" },
] as const;

/** The fields of a filter by target, type and time. */
export function FilterFields(
  { query, errors, targets }: {
    query: URLSearchParams;
    errors: FilterErrors;
    targets: readonly string[];
  },
): Child {
  const chosen = query.get("target") ?? "";
  const all = chosen === "" || targets.includes(chosen) ? targets : [chosen, ...targets];
  return (
    <>
      <SelectField
        name="target"
        label="Target"
        value={chosen}
        options={[["", "All targets"], ...all.map((name) => [name, name] as const)]}
      />
      {FILTERS.map(({ name, ...field }) => (
        <TextField name={name} value={query.get(name)} error={errors[name]} {...field} />
      ))}
    </>
  );
}

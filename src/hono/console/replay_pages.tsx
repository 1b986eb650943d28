/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import type { BackgroundReplay } from "../../outbox/mod.ts";
import { found } from "../problems.ts";
import {
  ActionForm,
  Badge,
  Details,
  formatCount,
  formatUtc,
  FullTime,
  Table,
  Time,
  type Tone,
} from "./components.tsx";
import { respondPage } from "./layout.tsx";
import { act, can, type ConsoleRoute, link, outboxOf, type PageRequest } from "./request.ts";

const TONES: Readonly<Record<BackgroundReplay["status"], Tone>> = {
  running: "info",
  done: "ok",
  canceled: "quiet",
};

/** How often the page of a running replay loads itself again, in seconds. */
const REFRESH = 1;

/** The progress of a replay, and its cancellation. */
export const replayPages: readonly ConsoleRoute[] = [
  { method: "GET", path: "replays/:id", scope: "read", handle: showReplay },
  {
    method: "POST",
    path: "replays/:id/cancel",
    scope: "admin",
    handle: (at) =>
      act(at, `replays/${encodeURIComponent(at.params["id"]!)}`, async () => {
        const canceled = await outboxOf(at).replays.cancel(at.params["id"]!);
        return found(canceled, "replay_not_found").status === "done"
          ? "The replay was already done."
          : "The replay is canceled. Deliveries already replayed still go out.";
      }),
  },
];

async function showReplay(at: PageRequest): Promise<Response> {
  const replay = found(await outboxOf(at).replays.get(at.params["id"]!), "replay_not_found");
  const { id, status } = replay;
  const isRunning = status === "running";
  const content = (
    <>
      <div class="card stack" data-part="bar">
        <div class="row">
          <Badge tone={TONES[status]}>{status}</Badge>
          <span>{progressText(replay)}</span>
        </div>
        <Bar replay={replay} />
      </div>
      <section data-part="counts">
        <Counts at={at} replay={replay} />
      </section>
    </>
  );
  const actions = isRunning && can(at, "admin") && (
    <ActionForm
      at={at}
      path={`replays/${id}/cancel`}
      data-confirm="Cancel the replay? Deliveries already replayed still go out."
    >
      <button type="submit" class="danger">Cancel replay</button>
    </ActionForm>
  );
  return await respondPage(at, {
    title: "Replay",
    section: "dead-letters",
    above: [["Dead letters", "dead-letters"]],
    lead: isRunning && "It runs in the background: you can leave this page and come back.",
    ...(actions && { actions }),
    ...(isRunning && { refresh: REFRESH }),
  }, content);
}

function Counts({ at, replay }: { at: PageRequest; replay: BackgroundReplay }): Child {
  const { total, seen, replayed, refused, startedAt, endedAt } = replay;
  const skipped = refused > 0 && (
    <>
      {formatCount(refused)}{" "}
      <span class="muted">their events are gone, or they were replayed already</span>
    </>
  );
  return (
    <Details
      entries={[
        ["Replayed", formatCount(replayed)],
        ["Skipped", skipped],
        ["Processed", total !== undefined && `${formatCount(seen)} of ${formatCount(total)}`],
        ["Deliveries", filterText(replay)],
        ["Started", <FullTime at={at} time={startedAt} />],
        ["Ended", endedAt && <FullTime at={at} time={endedAt} />],
      ]}
    />
  );
}

/** Renders a table of replays. */
export function ReplayTable(
  { at, replays }: { at: PageRequest; replays: readonly BackgroundReplay[] },
): Child {
  return (
    <Table
      caption="Replays of the last week"
      rows={replays}
      columns={[
        {
          label: "Deliveries",
          kind: "wide",
          cell: (one) => <a href={link(at, `replays/${one.id}`)}>{filterText(one)}</a>,
        },
        { label: "Status", cell: ({ status }) => <Badge tone={TONES[status]}>{status}</Badge> },
        { label: "Replayed", kind: "number", cell: ({ replayed }) => formatCount(replayed) },
        { label: "Skipped", kind: "number", cell: ({ refused }) => formatCount(refused) },
        { label: "Started", cell: ({ startedAt }) => <Time at={at} time={startedAt} /> },
      ]}
    />
  );
}

function Bar({ replay: { status, total, seen } }: { replay: BackgroundReplay }): Child {
  const label = { "aria-label": "Progress of the replay" };
  if (status !== "done" && total === undefined) return <progress {...label} />;
  return (
    <progress
      {...label}
      max={Math.max(total ?? seen, 1)}
      value={status === "done" ? Math.max(total ?? seen, 1) : seen}
    />
  );
}

function progressText({ status, total, seen, replayed }: BackgroundReplay): string {
  if (status !== "running") return `${formatCount(replayed)} replayed`;
  if (total === undefined) return `${formatCount(seen)} so far`;
  const percent = total === 0 ? 100 : Math.floor(seen / total * 100);
  return `${formatCount(seen)} of ${formatCount(total)} (${percent}%)`;
}

/** Describes the deliveries of a replay: `dead letters of audit, type tool.*, since …`. */
function filterText({ filter: { state, target, type, since, until } }: BackgroundReplay): string {
  const what = state === "dead" ? "Dead letters" : "Delivered events";
  return [
    target === undefined ? what : `${what} of ${target}`,
    type && `type ${type}`,
    since && `since ${formatUtc(since)}`,
    until && `until ${formatUtc(until)}`,
  ].filter(Boolean).join(", ");
}

/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import type { Outbox, TargetStats } from "../../outbox/mod.ts";
import { Problem } from "../problems.ts";
import { act } from "./actions.ts";
import {
  ActionForm,
  EmptyState,
  formatCount,
  formatDuration,
  Pagination,
  StateBadge,
  Table,
  Time,
} from "./components.tsx";
import { respondPage } from "./layout.tsx";
import { can, type ConsoleRoute, link, outboxOf, type PageRequest } from "./request.ts";

/** Targets of a page. */
const PAGE = 100;

/** The list of targets, and what turns them on and off. */
export const targetPages: readonly ConsoleRoute[] = [
  { method: "GET", path: "targets", scope: "read", handle: listTargets },
  {
    method: "POST",
    path: "targets/:name/enable",
    scope: "admin",
    handle: (at) =>
      changeTarget(at, async (outbox, name) => {
        await outbox.enable(name);
        return `${name} is on. Events that were held for it are delivered first.`;
      }),
  },
  {
    method: "POST",
    path: "targets/:name/disable",
    scope: "admin",
    handle: (at) =>
      changeTarget(at, async (outbox, name) => {
        const by = at.session.identity.name;
        await outbox.disable(name, by === "" ? "in the console" : `in the console, by ${by}`);
        return `${name} is off. Its events are held until you enable it.`;
      }),
  },
];

function changeTarget(
  at: PageRequest,
  change: (outbox: Outbox, name: string) => Promise<string>,
): Promise<Response> {
  return act(at, "targets", async () => {
    const [outbox, name] = [outboxOf(at), at.params["name"]!];
    try {
      return await change(outbox, name);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      const { state } = await outbox.endpoint(name);
      throw new Problem(state === "deleted" ? "target_removed" : "target_not_found");
    }
  });
}

async function listTargets(at: PageRequest): Promise<Response> {
  const from = at.query.get("cursor") ?? undefined;
  const following = (await outboxOf(at).stats()).filter(({ target }) => target > (from ?? ""));
  const targets = following.slice(0, PAGE);
  const cursor = following.length > PAGE ? targets.at(-1)!.target : undefined;
  const mayChange = can(at, "admin");
  const content = targets.length === 0 && from === undefined
    ? (
      <EmptyState title="No targets yet">
        <p>
          A target is a webhook or a durable hook. Add a webhook to the configuration file or in
          code, or register a hook with <code>durable: true</code>.
        </p>
      </EmptyState>
    )
    : (
      <Table
        caption="Targets"
        columns={[
          { label: "Target", kind: "wide" },
          { label: "State" },
          { label: "Pending", kind: "number" },
          { label: "Oldest due" },
          { label: "Dead", kind: "number" },
          { label: "Delivered", kind: "number" },
          { label: "Failed attempts", kind: "number" },
          ...(mayChange ? [{ label: "Actions", kind: "hidden" } as const] : []),
        ]}
        rows={targets.map((target) => [
          <Name at={at} target={target} />,
          <StateBadge state={target.state} />,
          <CountLink at={at} target={target} state="pending" count={target.pending} />,
          <OldestDue at={at} target={target} />,
          <CountLink at={at} target={target} state="dead" count={target.dead} />,
          formatCount(target.delivered),
          formatCount(target.failed),
          ...(mayChange ? [<Switch at={at} target={target} />] : []),
        ])}
      />
    );
  const lead = "Webhooks and durable hooks, with their backlogs, and whether delivery is on.";
  return await respondPage(
    at,
    { title: "Targets", section: "targets", lead },
    <>
      {content}
      <Pagination at={at} path="targets" query={{ cursor: from }} cursor={cursor} />
    </>,
  );
}

function Name({ at, target }: { at: PageRequest; target: TargetStats }): Child {
  const { target: name, registered, reason, failingSince, pausedUntil, state } = target;
  const notes = [
    state === "off" && `Off: ${reason ?? "no reason given"}`,
    pausedUntil && (
      <>
        Cools down: next attempt <Time at={at} time={pausedUntil} />
      </>
    ),
    failingSince && <>No success since {<Time at={at} time={failingSince} />}</>,
    !registered && "No process that this server knows of delivers to it",
  ].filter(Boolean);
  return (
    <>
      <strong>{name}</strong>
      {notes.map((note) => (
        <>
          <br />
          <small>{note}</small>
        </>
      ))}
    </>
  );
}

function CountLink(
  { at, target: { target }, state, count }: {
    at: PageRequest;
    target: TargetStats;
    state: "pending" | "dead";
    count: number;
  },
): Child {
  if (count === 0) return "0";
  const href = state === "dead"
    ? link(at, "dead-letters", { target })
    : link(at, "deliveries", { state, target });
  return (
    <a href={href} aria-label={`${formatCount(count)} ${state} deliveries to ${target}`}>
      {formatCount(count)}
    </a>
  );
}

function OldestDue(
  { at, target: { oldestDue, pending } }: { at: PageRequest; target: TargetStats },
): Child {
  if (oldestDue === undefined) return pending > 0 ? "waiting" : "–";
  const late = at.now - oldestDue.getTime();
  return late > 0 ? `${formatDuration(late)} late` : <Time at={at} time={oldestDue} />;
}

function Switch(
  { at, target: { target, state } }: { at: PageRequest; target: TargetStats },
): Child {
  if (state === "deleted") return null;
  const path = `targets/${encodeURIComponent(target)}`;
  if (state === "off") {
    return (
      <ActionForm at={at} path={`${path}/enable`}>
        <button type="submit" aria-label={`Enable ${target}`}>Enable</button>
      </ActionForm>
    );
  }
  return (
    <ActionForm
      at={at}
      path={`${path}/disable`}
      data-confirm={`Disable ${target}? Its events are held until you enable it again.`}
    >
      <button type="submit" class="danger" aria-label={`Disable ${target}`}>Disable</button>
    </ActionForm>
  );
}

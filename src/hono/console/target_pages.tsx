/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import type { Outbox, TargetStats } from "../../outbox/mod.ts";
import { Problem } from "../problems.ts";
import {
  ActionForm,
  EmptyState,
  formatCount,
  formatDuration,
  Lines,
  StateBadge,
  Table,
  Time,
} from "./components.tsx";
import { respondPage } from "./layout.tsx";
import { Pagination } from "./list.tsx";
import { act, can, type ConsoleRoute, link, outboxOf, type PageRequest } from "./request.ts";

/** Targets on a page. */
const PAGE = 100;

/** The list of targets, and the actions that turn them on and off. */
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
  const content = targets.length === 0 && from === undefined
    ? (
      <EmptyState title="No targets yet">
        <p>
          A target is a webhook or a durable hook. Add a webhook to the configuration file or in
          code, or register a hook with <code>durable: true</code>.
        </p>
      </EmptyState>
    )
    : <TargetTable at={at} targets={targets} />;
  const lead = "Webhooks and durable hooks, with their backlogs, and whether delivery is on.";
  return await respondPage(
    at,
    { title: "Targets", section: "targets", lead },
    <>
      {content}
      <Pagination at={at} path="targets" cursor={cursor} />
    </>,
  );
}

function TargetTable(
  { at, targets }: { at: PageRequest; targets: readonly TargetStats[] },
): Child {
  return (
    <Table
      caption="Targets"
      rows={targets}
      columns={[
        { label: "Target", kind: "wide", cell: (one) => <Name at={at} target={one} /> },
        { label: "State", cell: ({ state }) => <StateBadge state={state} /> },
        {
          label: "Pending",
          kind: "number",
          cell: (one) => <CountLink at={at} target={one} state="pending" count={one.pending} />,
        },
        { label: "Oldest due", cell: (one) => <OldestDue at={at} target={one} /> },
        {
          label: "Dead",
          kind: "number",
          cell: (one) => <CountLink at={at} target={one} state="dead" count={one.dead} />,
        },
        { label: "Delivered", kind: "number", cell: ({ delivered }) => formatCount(delivered) },
        { label: "Failed attempts", kind: "number", cell: ({ failed }) => formatCount(failed) },
        can(at, "admin") && {
          label: "Actions",
          kind: "hidden",
          cell: ({ target, state }) =>
            state !== "deleted" && <Switch at={at} name={target} isOff={state === "off"} isNamed />,
        },
      ]}
    />
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
  ];
  return (
    <>
      <strong>{name}</strong>
      <Lines lines={notes} />
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

/** Renders a button that turns delivery to a target on or off. */
export function Switch(
  { at, name, isOff, back, isNamed = false }: {
    at: PageRequest;
    name: string;
    isOff: boolean;
    /** The page to come back to. @default the list of targets */
    back?: string;
    /** Whether the button is one of many, so that its name contains the target's. */
    isNamed?: boolean;
  },
): Child {
  const label = isOff ? "Enable" : "Disable";
  return (
    <ActionForm
      at={at}
      path={`targets/${encodeURIComponent(name)}/${label.toLowerCase()}`}
      fields={{ back }}
      {...(!isOff && {
        "data-confirm": `Disable ${name}? Its events are held until you enable it again.`,
      })}
    >
      <button
        type="submit"
        class={isNamed && !isOff ? "danger" : undefined}
        aria-label={isNamed ? `${label} ${name}` : undefined}
      >
        {label}
      </button>
    </ActionForm>
  );
}

import { timeText } from "./delivery_text.ts";
import { printable, type Style } from "./style.ts";

/** How a target stands. */
export type Standing = {
  readonly target: string;
  readonly state: string;
  readonly registered: boolean;
};

/** A target with its figures, as a server tells of it. */
export type Target = Standing & {
  readonly failing_since?: string;
  readonly paused_until?: string;
  readonly reason?: string;
  readonly accepted: number;
  readonly delivered: number;
  readonly dead: number;
  readonly expired: number;
  readonly pending: number;
  readonly failed: number;
  readonly in_flight: number;
  readonly leased?: number;
  readonly leased_until?: string;
};

type Column = {
  readonly title: string;
  readonly text: (target: Target) => string;
  /** Numbers stand on the right. */
  readonly right?: true;
};

const columns: readonly Column[] = [
  { title: "name", text: ({ target }) => printable(target) },
  { title: "state", text: ({ state }) => printable(state) },
  ...(["accepted", "delivered", "pending", "dead", "expired", "failed"] as const).map((
    name,
  ): Column => ({ title: name, text: (target) => `${target[name]}`, right: true })),
];

/** Targets as a table, with its head. */
export function targetLines(targets: readonly Target[], style: Style): readonly string[] {
  const rows = targets.map((target) => columns.map(({ text }) => text(target)));
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...rows.map((row) => row[index]!.length))
  );
  const cells = (row: readonly string[]): readonly string[] =>
    row.map((cell, index) =>
      columns[index]!.right ? cell.padStart(widths[index]!) : cell.padEnd(widths[index]!)
    );
  const head = style.dim(cells(columns.map(({ title }) => title)).join("  "));
  return [
    head,
    ...targets.map((target, index) => {
      const [name, state, ...figures] = cells(rows[index]!);
      const parts = [name, paintOf(target, style)(state!), ...figures, notesOf(target)];
      return parts.join("  ").trimEnd();
    }),
  ];
}

/** Why nothing is delivered to a target, and what to do; undefined when it is delivered to. */
export function heldText({ target, state, registered, ...more }: Target): string | undefined {
  const { reason, paused_until: until } = more;
  if (state === "off") {
    const why = reason ? ` (${reason})` : "";
    return `${target} is off${why}: nothing is delivered before \`hooks targets enable ${target}\``;
  }
  if (state === "paused") {
    return `${target} is paused${until ? ` until ${timeText(until)}` : ""}: it is delivered then`;
  }
  return registered
    ? undefined
    : `${target} is not registered: no webhook or durable hook of the server has this name`;
}

/** What became of turning a target on or off. */
export function standingText({ target, state, registered }: Standing): string {
  if (state !== "on") return `${target} is ${state}: what is accepted for it is held`;
  return registered
    ? `${target} is on: what was held is delivered first`
    : `${target} is on, but no webhook or durable hook of the server has this name`;
}

function paintOf({ state }: Target, style: Style): (text: string) => string {
  return { on: style.green, paused: style.yellow }[state] ?? style.red;
}

/** What an operator has to know beside the figures. */
function notesOf(target: Target): string {
  const { registered, reason, paused_until, failing_since, in_flight } = target;
  const { leased = 0, leased_until } = target;
  const notes = [
    registered ? "" : "not registered",
    reason ? printable(reason) : "",
    paused_until ? `until ${timeText(paused_until)}` : "",
    failing_since ? `failing since ${timeText(failing_since)}` : "",
    in_flight > 0 ? `${in_flight} under way` : "",
    leased > 0 && leased_until ? `${leased} leased until ${timeText(leased_until)}` : "",
  ];
  return notes.filter((note) => note !== "").join("; ");
}

/**
 * Deliveries and targets as a server reports them, which several commands fetch and print.
 * @module
 */
import type { Command } from "commander";
import type { AttemptJson, DeliveryJson, DeliverySummaryJson } from "../hono/deliveries.ts";
import type { TargetStateJson, TargetStatsJson } from "../hono/targets.ts";
import { type Client, pathOf } from "./client.ts";
import { CommandError, LIST_TARGETS } from "./errors.ts";
import {
  count,
  formatSpan,
  formatTime,
  printable,
  type Style,
  truncate,
  widthOf,
} from "./output.ts";
import { type Column, formatTable } from "./table.ts";

/** Identifies a delivery. */
export type DeliveryKey = { readonly target: string; readonly id: string };

/** Returns the path of a delivery. */
export function deliveryPath({ target, id }: DeliveryKey): string {
  return pathOf("deliveries", target, id);
}

/**
 * Rejects options that select among many deliveries.
 *
 * @throws {CommandError} naming the first
 */
export function checkNoFilter(command: Command): void {
  const filter = command.options.find((option) => {
    const name = option.attributeName();
    return !["url", "token", "json"].includes(name) &&
      command.getOptionValueSource(name) === "cli";
  });
  if (filter === undefined) return;
  throw new CommandError(
    `Cannot use ${filter.long} with an event id: the id selects a single delivery`,
    [`Leave out the id or ${filter.long}`],
    2,
  );
}

/**
 * Counts the pending deliveries of a target, or of all.
 *
 * @throws {CommandError} when there is no such target
 */
export async function countPending(client: Client, target: string | undefined): Promise<number> {
  const targets = await fetchTargets(client);
  const selected = targets.filter((one) => target === undefined || one.target === target);
  if (target !== undefined && selected.length === 0) {
    throw new CommandError(`No target named ${printable(target)}`, [LIST_TARGETS]);
  }
  return selected.reduce((sum, { pending }) => sum + pending, 0);
}

/** Options of `formatDeliveries`. */
type DeliveriesFormat = {
  readonly style: Style;
  /** The time in milliseconds since 1970. In a terminal, times are relative to it. */
  readonly now: number;
  readonly isTerminal: boolean;
  /** The width of the terminal. @default no limit: nothing is shortened */
  readonly width?: number | undefined;
};

/** Formats deliveries as a table: the header, then a line for each. */
export function formatDeliveries(
  deliveries: readonly DeliverySummaryJson[],
  { width, ...format }: DeliveriesFormat,
): readonly [header: string, ...lines: string[]] {
  const columns = columnsOf(format);
  // In a terminal, columns without any value would only take space.
  const shown = format.isTerminal
    ? columns.filter(({ text }) => deliveries.some((delivery) => text(delivery) !== ""))
    : columns;
  return formatTable(deliveries, shown, width);
}

function columnsOf(
  { style, now, isTerminal }: DeliveriesFormat,
): readonly Column<DeliverySummaryJson>[] {
  const when = (time: string | undefined): string => {
    if (time === undefined) return "";
    return isTerminal ? relativeTime(time, now) : isoTime(time);
  };
  return [
    {
      title: "state",
      text: ({ state }) => printable(state),
      color: (text, { state }) => colorOf(state, style)(text),
    },
    { title: "target", text: ({ target }) => printable(target), min: 8 },
    { title: "type", text: ({ type = "" }) => printable(type), color: style.bold, min: 8 },
    {
      title: "session",
      text: ({ session_id = "" }) => printable(session_id),
      color: style.cyan,
      min: 8,
    },
    {
      title: "id",
      text: ({ event_id }) => printable(event_id),
      color: style.dim,
      min: 13,
      keep: true,
    },
    { title: "attempts", text: ({ made = "" }) => `${made}` },
    { title: "last", text: ({ last_attempt, died_at }) => when(last_attempt?.at ?? died_at) },
    {
      title: "next",
      text: ({ leased_until, due_at }) => {
        if (leased_until) return `leased ${isTerminal ? "" : "until "}${when(leased_until)}`;
        if (!due_at) return "";
        return Date.parse(due_at) <= now ? "now" : when(due_at);
      },
    },
    {
      title: "result",
      text: resultOf,
      color: (text, { last_attempt }) =>
        (last_attempt?.verdict === "delivered" ? style.green : style.red)(text),
      min: 12,
      ellipsis: "end",
    },
  ];
}

/** Returns the outcome of the last attempt, or why the delivery was given up. */
function resultOf({ last_attempt, reason }: DeliverySummaryJson): string {
  const outcome = last_attempt ? outcomeOf(last_attempt) : "";
  const why = printable(last_attempt?.error ?? reason ?? "");
  return [outcome, why].filter((part) => part !== "").join(" ");
}

/** Describes the outcome of an attempt, such as `503 failed`. */
export function outcomeOf(
  { verdict, status, skipped }: Pick<AttemptJson, "verdict" | "status" | "skipped">,
): string {
  if (skipped) return "skipped";
  const words: Readonly<Record<string, string>> = {
    retry: "failed",
    final: "permanent failure",
    disable: "gone",
  };
  const outcome = printable(words[verdict] ?? verdict);
  return status === undefined ? outcome : `${status} ${outcome}`;
}

/** Formats a delivery with each of its attempts. */
export function formatDelivery(delivery: DeliveryJson, style: Style): string {
  const { target, event_id, state, made, attempts, due_at, leased_until } = delivery;
  const next = leased_until
    ? `, leased until ${formatTime(leased_until)}`
    : due_at
    ? `, next at ${formatTime(due_at)}`
    : "";
  const head = `${colorOf(state, style)(printable(state))}  ` +
    `${printable(`${event_id} to ${target}`)}: ${count(made, "attempt")}${next}`;
  const omitted = made > attempts.length ? [`  (showing the last ${attempts.length})`] : [];
  return [head, ...omitted, ...attempts.flatMap((one) => formatAttempt(one, style))].join("\n");
}

/** Characters of a response that are shown. */
const MAX_RESPONSE = 300;

function formatAttempt(attempt: AttemptJson, style: Style): readonly string[] {
  const { at, verdict, duration, error, response } = attempt;
  const color = verdict === "delivered" ? style.green : style.red;
  const line = [
    `  ${formatTime(at)}`,
    color(outcomeOf(attempt)),
    ...error ? [printable(error)] : [],
    style.dim(`took ${Math.round(duration)} ms`),
  ].join("  ");
  if (!response) return [line];
  return [line, `    ${style.dim(printable(response.slice(0, MAX_RESPONSE)))}`];
}

function colorOf(state: string, style: Style): (text: string) => string {
  const colors: Readonly<Record<string, (text: string) => string>> = {
    pending: style.yellow,
    delivered: style.green,
    dead: style.red,
  };
  return colors[state] ?? style.dim;
}

/** Formats a time relative to now: `3m ago`, `in 2h`. */
function relativeTime(time: string, now: number): string {
  const at = Date.parse(time);
  if (Number.isNaN(at)) return printable(time);
  const span = formatSpan(Math.abs(at - now));
  return at > now ? `in ${span}` : `${span} ago`;
}

/** Formats a time to the second, in UTC, without spaces: `2026-01-31T12:00:00Z`. */
function isoTime(time: string): string {
  return printable(time).replace(/\.\d+Z$/, "Z");
}

/** Fetches all targets. */
export async function fetchTargets(client: Client): Promise<readonly TargetStatsJson[]> {
  const { targets = [] } = await client.json<{ readonly targets?: readonly TargetStatsJson[] }>(
    "/targets",
  );
  return targets;
}

/**
 * Formats targets as a table, header first.
 *
 * @param width The width of the terminal. @default no limit: nothing is shortened
 */
export function formatTargets(
  targets: readonly TargetStatsJson[],
  style: Style,
  width = Infinity,
): readonly string[] {
  const counts = ["accepted", "delivered", "pending", "dead", "expired", "failed"] as const;
  const columns: readonly Column<TargetStatsJson>[] = [
    { title: "name", text: ({ target }) => printable(target), min: 8 },
    stateColumn(style, ({ state }) => state),
    ...counts.map((name): Column<TargetStatsJson> => ({
      title: name,
      text: (target) => `${target[name]}`,
      align: "right",
    })),
  ];
  const [header, ...lines] = formatTable(targets, columns, width);
  const tableWidth = widthOf(header);
  return [
    style.dim(header),
    ...lines.map((line, at) => {
      const notes = notesOf(targets[at]!);
      if (notes === "") return line;
      return tableWidth + 2 + widthOf(notes) <= width
        ? `${line}  ${notes}`
        : `${line}\n  ${truncate(notes, width - 2)}`;
    }),
  ];
}

/** Returns the column with the state of each target. */
export function stateColumn<Row>(style: Style, stateOf: (row: Row) => string): Column<Row> {
  return {
    title: "state",
    text: (row) => printable(stateOf(row)),
    color: (text, row) => {
      const state = stateOf(row);
      if (state === "on") return style.green(text);
      return state === "paused" ? style.yellow(text) : style.red(text);
    },
  };
}

/** Returns notes for the operator, in addition to the stats. */
function notesOf(target: TargetStatsJson): string {
  const { registered, reason, paused_until, failing_since, in_flight, leased, leased_until } =
    target;
  const notes = [
    registered ? "" : "not registered",
    reason ? printable(reason) : "",
    paused_until ? `until ${formatTime(paused_until)}` : "",
    failing_since ? `failing since ${formatTime(failing_since)}` : "",
    in_flight > 0 ? `${in_flight} in flight` : "",
    leased > 0 && leased_until ? `${leased} leased until ${formatTime(leased_until)}` : "",
  ];
  return notes.filter((note) => note !== "").join("; ");
}

/** Returns lines that explain why nothing is delivered to a target; empty if events are delivered. */
export function explainBlocked(target: TargetStatsJson): readonly string[] {
  const { target: name, state, registered, reason, paused_until } = target;
  if (state === "off") {
    return [
      `${name} is disabled; deliveries are held${reason ? `: ${reason}` : ""}`,
      `  Resume with \`hooks targets enable ${name}\``,
    ];
  }
  if (state === "paused") {
    return [`${name} is paused${paused_until ? ` until ${formatTime(paused_until)}` : ""}`];
  }
  return registered ? [] : [`${name} is not registered: ${NOT_REGISTERED}`];
}

const NOT_REGISTERED = "the server has no webhook or durable hook with this name";

/** Describes a target that was just enabled or disabled. */
export function describeTarget({ target, state, registered }: TargetStateJson): string {
  if (state === "off") return `${target} is disabled: new deliveries are held`;
  if (state !== "on") return `${target} is ${state}: new deliveries are held`;
  return registered
    ? `${target} is enabled: held deliveries are sent first`
    : `${target} is enabled, but ${NOT_REGISTERED}`;
}

/**
 * Deliveries as a server reports them: what `hooks deliveries` and `hooks replay` share.
 * @module
 */
import type { Command } from "commander";
import type { AttemptJson, DeliveryJson, DeliverySummaryJson } from "../hono/deliveries.ts";
import { type Client, pathOf } from "./client.ts";
import { CommandError, LIST_TARGETS } from "./errors.ts";
import { count, formatSpan, formatTime, printable, type Style } from "./output.ts";
import { type Column, formatTable } from "./table.ts";
import { fetchTargets } from "./target.ts";

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
  { style, now, isTerminal, width }: DeliveriesFormat,
): readonly [header: string, ...lines: string[]] {
  const when = (time: string): string => isTerminal ? relativeTime(time, now) : isoTime(time);
  const columns: readonly Column<DeliverySummaryJson>[] = [
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
    { title: "attempts", text: ({ made }) => made === undefined ? "" : `${made}` },
    {
      title: "last",
      text: ({ last_attempt, died_at }) => {
        const time = last_attempt?.at ?? died_at;
        return time === undefined ? "" : when(time);
      },
    },
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
  // In a terminal, columns without any value only take space.
  const shown = isTerminal
    ? columns.filter(({ text }) => deliveries.some((delivery) => text(delivery) !== ""))
    : columns;
  return formatTable(deliveries, shown, width);
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

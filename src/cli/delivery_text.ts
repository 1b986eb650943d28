import { count, cut, printable, type Style, widthOf } from "./style.ts";
import { type Column, tableLines } from "./table.ts";

/** An attempt as a server tells of it. */
export type Attempt = {
  readonly at: string;
  readonly verdict: string;
  readonly duration: number;
  readonly status?: number;
  readonly skipped?: boolean;
  readonly error?: string;
  readonly response?: string;
};

type Base = {
  readonly target: string;
  readonly event_id: string;
  readonly state: "pending" | "delivered" | "dead" | "expired";
  readonly due_at?: string;
  readonly leased_until?: string;
};

/** A delivery with its log. */
export type Delivery = Base & { readonly made: number; readonly attempts: readonly Attempt[] };

/** A delivery in a list. */
export type Summary = Base & {
  readonly type?: string;
  readonly session_id?: string;
  readonly made?: number;
  readonly last_attempt?: Attempt;
  readonly died_at?: string;
  readonly reason?: string;
};

/** How deliveries are listed. */
export type SummaryOptions = {
  readonly style: Style;
  /** The time, in milliseconds since 1970: on a terminal, times are relative to it. */
  readonly now: number;
  /** The width of the terminal; undefined if there is none, or nothing should be truncated. */
  readonly columns?: number | undefined;
  readonly terminal: boolean;
};

/** The least that is shown of a result, in columns. */
const LEAST_RESULT = 12;

/** Deliveries as a table: its head, and a line for each. */
export function summaryLines(
  deliveries: readonly Summary[],
  { style, now, columns, terminal }: SummaryOptions,
): readonly [head: string, ...lines: string[]] {
  const when = (time: string): string => terminal ? relativeText(time, now) : isoText(time);
  const fixed: readonly Column<Summary>[] = [
    {
      title: "state",
      text: ({ state }) => printable(state),
      paint: (text, { state }) => paintOf(state, style)(text),
    },
    { title: "target", text: ({ target }) => printable(target) },
    { title: "type", text: ({ type }) => printable(type ?? ""), paint: style.bold },
    { title: "session", text: ({ session_id }) => printable(session_id ?? ""), paint: style.cyan },
    { title: "id", text: ({ event_id }) => printable(event_id), paint: style.dim },
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
      text: ({ leased_until, due_at }) =>
        leased_until
          ? terminal ? `leased ${when(leased_until)}` : `leased until ${when(leased_until)}`
          : due_at
          ? Date.parse(due_at) <= now ? "now" : when(due_at)
          : "",
    },
  ];
  const used = widthOf(
    longest(tableLines(deliveries, fixed.map(({ title, text }) => ({ title, text })))),
  );
  const room = columns === undefined ? undefined : Math.max(columns - used - 2, LEAST_RESULT);
  const result: Column<Summary> = {
    title: "result",
    text: (delivery) => cut(resultText(delivery), room),
    paint: (text, { state }) => state === "delivered" ? style.green(text) : style.red(text),
  };
  return tableLines(deliveries, [...fixed, result]);
}

function longest(lines: readonly string[]): string {
  return lines.reduce((one, other) => widthOf(other) > widthOf(one) ? other : one);
}

/** What came of the last attempt, and why it was given up. */
function resultText({ last_attempt, reason }: Summary): string {
  const words = last_attempt ? wordsOf(last_attempt) : "";
  const why = last_attempt?.error ?? reason;
  return [words, why === undefined ? "" : printable(why)].filter((part) => part !== "").join(" ");
}

/** A time as far as it is from now: `3m ago`, `in 2h`. */
export function relativeText(time: string, now: number): string {
  const at = Date.parse(time);
  if (Number.isNaN(at)) return printable(time);
  const seconds = Math.round(Math.abs(at - now) / 1000);
  const units = [[86_400, "d"], [3_600, "h"], [60, "m"], [1, "s"]] as const;
  const [size, unit] = units.find(([size]) => seconds >= size) ?? [1, "s"];
  const text = `${Math.floor(seconds / size)}${unit}`;
  return at > now ? `in ${text}` : `${text} ago`;
}

/** To the second, in UTC, without spaces: `2026-01-31T12:00:00Z`. */
function isoText(time: string): string {
  return printable(time).replace(/\.\d+Z$/, "Z");
}

/** A delivery with each of its attempts. */
export function deliveryText(delivery: Delivery, style: Style): string {
  const { target, event_id, made, attempts, due_at, leased_until } = delivery;
  const due = leased_until
    ? `, leased until ${timeText(leased_until)}`
    : due_at
    ? `, due ${timeText(due_at)}`
    : "";
  const head = `${stateText(delivery, style)}${printable(`${event_id} to ${target}`)}: ` +
    `${count(made, "attempt")}${due}`;
  const older = made > attempts.length ? [`  (the last ${attempts.length} of them)`] : [];
  return [head, ...older, ...attempts.flatMap((attempt) => logLines(attempt, style))].join("\n");
}

function logLines(attempt: Attempt, style: Style): string[] {
  const line = `  ${timeText(attempt.at)}  ${attemptText(attempt, style)}  ` +
    style.dim(`${Math.round(attempt.duration)} ms`);
  const { response } = attempt;
  return response ? [line, `    ${style.dim(printable(response.slice(0, 300)))}`] : [line];
}

function attemptText(attempt: Attempt, style: Style): string {
  const { verdict, error } = attempt;
  const paint = verdict === "delivered" ? style.green : style.red;
  return paint(wordsOf(attempt)) + (error ? `  ${printable(error)}` : "");
}

function wordsOf(
  { verdict, status, skipped }: Omit<Attempt, "at" | "duration">,
): string {
  return printable(skipped ? "skipped" : status === undefined ? verdict : `${status} ${verdict}`);
}

function stateText({ state }: Base, style: Style): string {
  return paintOf(state, style)(printable(state).padEnd(10));
}

function paintOf(state: Base["state"], style: Style): (text: string) => string {
  const paint = { pending: style.yellow, delivered: style.green, dead: style.red }[state as "dead"];
  return paint ?? style.dim;
}

/** To the second, in UTC: `2026-01-31 12:00:00Z`. */
export function timeText(time: string): string {
  return printable(time).replace("T", " ").replace(/\.\d+Z$/, "Z");
}

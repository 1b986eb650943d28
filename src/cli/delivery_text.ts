import { count, printable, type Style } from "./style.ts";

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
  readonly made?: number;
  readonly last_attempt?: Attempt;
  readonly died_at?: string;
  readonly reason?: string;
};

/** A delivery on one line, its target as wide as that of the lines around it. */
export function summaryLine(delivery: Summary, style: Style, width: number): string {
  const { target, event_id, made, last_attempt, reason, due_at, died_at, leased_until } = delivery;
  const parts = [
    stateText(delivery, style),
    printable(target).padEnd(width),
    style.dim(printable(event_id)),
    made === undefined ? "" : count(made, "attempt"),
    last_attempt ? attemptText(last_attempt, style) : "",
    leased_until
      ? `leased until ${timeText(leased_until)}`
      : due_at
      ? `due ${timeText(due_at)}`
      : "",
    died_at ? `given up ${timeText(died_at)}` : "",
    reason ? printable(reason) : "",
  ];
  return parts.filter((part) => part !== "").join("  ");
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

function attemptText({ verdict, status, error, skipped }: Attempt, style: Style): string {
  const paint = verdict === "delivered" ? style.green : style.red;
  const words = skipped ? "skipped" : status === undefined ? verdict : `${status} ${verdict}`;
  return paint(printable(words)) + (error ? `  ${printable(error)}` : "");
}

function stateText({ state }: Base, style: Style): string {
  const paint = { pending: style.yellow, delivered: style.green, dead: style.red }[state as "dead"];
  return (paint ?? style.dim)(printable(state).padEnd(10));
}

/** To the second, in UTC: `2026-01-31 12:00:00Z`. */
export function timeText(time: string): string {
  return printable(time).replace("T", " ").replace(/\.\d+Z$/, "Z");
}

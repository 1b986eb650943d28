/**
 * The targets of a server: webhooks and durable hooks.
 * @module
 */
import type { TargetStateJson, TargetStatsJson } from "../hono/targets.ts";
import type { Client } from "./client.ts";
import { formatTime, printable, type Style, truncate, widthOf } from "./output.ts";
import { type Column, formatTable } from "./table.ts";

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

/** Returns what an operator has to know besides the stats. */
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

/** Explains in lines why nothing is delivered to a target; empty if it is delivered to. */
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

/**
 * What `demo.ts` prints.
 * @module
 */
import type { Accepted, Metered } from "./demo_agent.ts";

type Cell = string | number;

/** Prints rows below one another: the first columns are words, the others numbers. */
export function printTable(rows: readonly (readonly Cell[])[], words: number): void {
  const widths = rows[0]!.map((_, n) => Math.max(...rows.map((row) => String(row[n]).length)));
  for (const row of rows) {
    const cells = row.map((cell, n) =>
      n < words ? String(cell).padEnd(widths[n]!) : String(cell).padStart(widths[n]!)
    );
    console.log(`  ${cells.join("  ").trimEnd()}`);
  }
}

export function printTitle(text: string): void {
  console.log(`\n${text}\n${"─".repeat(text.length)}`);
}

/** One event: what it is, who has heard it, and for how many it is in the store. */
export function printEvent({ type, data, handlers, deliveries }: Accepted): void {
  const names = handlers.map(({ name, ok }) => ok ? name : `${name} FAILED`).join(", ");
  const words = shorten(describe({ type, data }), 34);
  console.log(`  ${type.padEnd(16)}  ${words.padEnd(34)}  ${names.padEnd(12)}  +${deliveries}`);
}

/** What the meter has counted. */
export function describeTools(metered: readonly Metered[]): string {
  const names = [...new Set(metered.map(({ name }) => name))].sort();
  return names.map((name) => {
    const own = metered.filter((event) => event.name === name);
    const calls = own.filter(({ type }) => type === "tool.called").length;
    return `${name} called ${calls} times, ${own.filter(({ failed }) => failed).length} failed`;
  }).join("; ");
}

/** The part of a payload that is worth a line. */
function describe({ type, data }: Pick<Accepted, "type" | "data">): string {
  switch (type) {
    case "message.received":
    case "message.sent":
      return `"${data.content}"`;
    case "tool.called":
      return `${data.name}(${JSON.stringify(data.params)})`;
    case "tool.completed":
      return data.error === undefined ? `${data.name}: ${data.result}` : `error: ${data.error}`;
    case "session.created":
    case "session.updated":
      return `${data.session_id}`;
    case "session.rollover":
      return `${data.session_id} ${data.reason}`;
    case "job.executed":
      return `${data.job_name}: ${data.success ? "success" : "failure"}`;
    case "agent.end":
      if (data.aborted) return "aborted";
      return data.success ? "success" : `error: ${data.error}`;
  }
}

function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

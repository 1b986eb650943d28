/**
 * Formats the output of `demo.ts`.
 * @module
 */
import type { AgentEvent } from "./demo_client.ts";

type Cell = string | number;

/** Prints a table: the first `words` columns are text, the others numbers. */
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

/** Prints an event, and how many webhooks it is stored for. */
export function printEvent({ type, data }: AgentEvent, deliveries: number): void {
  const words = shorten(describe(type, data), 44);
  console.log(`  ${type.padEnd(16)}  ${words.padEnd(44)}  +${deliveries}`);
}

/** Summarizes a payload in one line. */
function describe(type: string, data: AgentEvent["data"]): string {
  switch (type) {
    case "message.received":
    case "message.sent":
      return `"${data.content}"`;
    case "tool.called":
      return `${data.name}(${JSON.stringify(data.params)})`;
    case "tool.completed":
      return data.error === undefined ? `${data.name}: ${data.result}` : `error: ${data.error}`;
    case "session.rollover":
      return `${data.session_id} ${data.reason}`;
    case "job.executed":
      return `${data.job_name}: ${data.success ? "success" : "failure"}`;
    case "agent.end":
      if (data.aborted) return "aborted";
      return data.success ? "success" : `error: ${data.error}`;
    default:
      return `${data.session_id}`; // session.created, session.updated
  }
}

function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

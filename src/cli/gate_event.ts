import type { HookEvent } from "../core/mod.ts";

/** What a terminal shows of an event of gates in place of its payload; undefined for any other event. */
export function summaryOf({ type, data }: HookEvent): string | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const texts = data as Readonly<Record<string, unknown>>;
  const join = (...parts: readonly unknown[]): string =>
    parts.filter((part) => typeof part === "string" && part !== "").join(" ");
  const { outcome, name = texts.event_type, call_id, reason, question, by, note, ask_id } = texts;
  switch (type) {
    case "gate.decided":
      return join(outcome, name, call_id, reasonOf(texts), ask_id && `ask ${ask_id}`) +
        (reason ? `: ${reason}` : "");
    case "gate.late":
      return join(name, call_id, `[${texts.gate} ${texts.verdict}]`, `${texts.duration_ms} ms`) +
        (reason ? `: ${reason}` : "");
    case "gate.asked":
      return join(name, call_id, `ask ${ask_id}: ${question}`);
    case "gate.resolved":
      return join(outcome, `ask ${ask_id}`, by && `by ${by}`) + (note ? `: ${note}` : "");
    default:
      return undefined;
  }
}

/** The gates that a decision is due to. */
function reasonOf({ gates }: Readonly<Record<string, unknown>>): string {
  if (!Array.isArray(gates)) return "";
  const decisive = gates.flatMap((gate) => {
    const { name, verdict, failure } = gate ?? {};
    if (failure) return [`${name} failed (${failure})`];
    return verdict === "deny" || verdict === "ask" || verdict === "rewritten"
      ? [`${name} ${verdict}`]
      : [];
  });
  return decisive.length === 0 ? "" : `[${decisive.join(", ")}]`;
}

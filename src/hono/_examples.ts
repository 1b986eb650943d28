/** The examples of the contract. Each is what it is an example of: a test sends or checks them all. */
const id = "0192e4a0-6b2f-7c31-9f10-3a5d6c1e2b47";
const time = "2026-04-22T10:30:00.000Z";
const data = { name: "bash", params: { command: "ls" } };
const envelope = {
  specversion: "1.0",
  id: "A234-1234-1234",
  source: "https://agent.example/runs/7",
  type: "tool.called",
  time,
  sessionid: "s-1",
  datacontenttype: "application/json",
  data,
};
const attempt = {
  at: "2026-04-22T10:30:01.000Z",
  verdict: "retry",
  duration: 12,
  status: 503,
  error: "the answer was 503",
};
const stored = {
  id,
  type: "tool.called",
  timestamp: time,
  session_id: "s-1",
  data,
  accepted_at: time,
  targets: ["audit"],
};
const target = {
  ...{ target: "audit", state: "off", registered: true, failures: 0 },
  reason: "its receiver answered 410",
  ...{ accepted: 42, delivered: 39, dead: 1, expired: 0, pending: 2, failed: 5, in_flight: 0 },
  leased: 0,
};
const delivery = { target: "audit", event_id: id, state: "pending", due_at: time, made: 1 };

export const EXAMPLES = {
  id,
  time,
  event: { type: "tool.called", session_id: "s-1", data },
  cloudEvent: envelope,
  cloudEvents: [envelope, { ...envelope, id: "A234-1234-1235" }],
  receipts: { receipts: [{ id, deliveries: 1, duplicate: false }] },
  stored,
  events: { events: [stored], next_cursor: "WzEsWzFdXQ" },
  stream: `id: ${id}\ndata: ${
    JSON.stringify({ id, type: "tool.called", timestamp: time, data })
  }\n\n`,
  deliveries: { deliveries: [{ ...delivery, last_attempt: attempt }] },
  delivery: { ...delivery, attempts: [attempt] },
  hooks: { hooks: [{ name: "audit", kind: "webhook", events: ["tool.*"], durable: true }] },
  targets: { targets: [target] },
  disable: { reason: "it is being moved" },
  replay: { target: "audit", state: "dead", budget_ms: 5000 },
} as const;

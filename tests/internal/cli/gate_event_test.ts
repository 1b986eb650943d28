import assert from "node:assert/strict";
import { summaryOf } from "../../../src/cli/output.ts";
import { createEvent } from "../../../src/core/snapshot.ts";
import { test } from "../../support/harness.ts";

test("a terminal shows what gates decided and asked in one line", () => {
  const cases: readonly (readonly [type: string, data: unknown, summary: string | undefined])[] = [
    ["gate.decided", {
      outcome: "denied",
      event_type: "tool.called",
      name: "bash",
      call_id: "c-1",
      reason: "No",
      gates: [{ name: "mask", verdict: "none" }, { name: "policy", verdict: "deny" }],
    }, "denied bash c-1 [policy deny]: No"],
    ["gate.decided", {
      outcome: "denied",
      event_type: "message.received",
      gates: [{ name: "opa", verdict: "failed", failure: "timeout" }],
    }, "denied message.received [opa failed (timeout)]"],
    ["gate.late", {
      event_type: "tool.called",
      name: "bash",
      call_id: "c-1",
      gate: "opa",
      verdict: "deny",
      reason: "No",
      duration_ms: 7000,
    }, "bash c-1 [opa deny] 7000 ms: No"],
    [
      "gate.asked",
      { name: "pay", call_id: "c-1", ask_id: "a", question: "Pay?" },
      "pay c-1 ask a: Pay?",
    ],
    [
      "gate.resolved",
      { outcome: "allowed", ask_id: "a", by: "ada", note: "fine" },
      "allowed ask a by ada: fine",
    ],
    ["gate.decided", { gates: [null, 5] }, ""],
    ["tool.called", { name: "bash" }, undefined],
    ["gate.decided", "text", undefined],
  ];
  for (const [type, data, summary] of cases) {
    assert.equal(summaryOf(createEvent(type, data, undefined)), summary);
  }
});

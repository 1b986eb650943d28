/** The run and the trace of events over HTTP. */
import assert from "node:assert/strict";
import type { HookEvent } from "@omniagent/hooks";
import { BASH, problemOf, receiptsOf, testApp } from "./helpers.ts";

const TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const OTHER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b8-00";

/** What of an event says where it belongs. */
const identityOf = ({ sessionId, runId, traceparent }: HookEvent) => [
  sessionId,
  runId,
  traceparent,
];

testApp(
  "POST /events takes the run and the trace of an event, in every format",
  {},
  async ({ hooks, send }) => {
    const received: HookEvent[] = [];
    hooks.on("*", (event) => void received.push(event));
    const native = { ...BASH, session_id: "s-1", run_id: "run-1", traceparent: TRACE };
    await receiptsOf(await send("/events", { body: native }));
    const attributes = { specversion: "1.0", id: "1", source: "s", type: "tool.called" };
    const cloud = { ...attributes, data: BASH.data, runid: "run-1", traceparent: TRACE };
    const headers = { "content-type": "application/cloudevents+json" };
    await receiptsOf(await send("/events", { body: { ...cloud, sessionid: "s-1" }, headers }));
    assert.deepEqual(received.map(identityOf), [
      ["s-1", "run-1", TRACE],
      ["s-1", "run-1", TRACE],
    ]);
  },
);

testApp(
  "the header traceparent is the trace of events that have none, unless it is invalid",
  {},
  async ({ hooks, send }) => {
    const received: HookEvent[] = [];
    hooks.on("*", (event) => void received.push(event));
    const events = [BASH, { ...BASH, traceparent: OTHER }, { ...BASH, traceparent: null }];
    for (const traceparent of [TRACE, "00-1-2-3"]) {
      await receiptsOf(await send("/events", { body: { events }, headers: { traceparent } }));
    }
    assert.deepEqual(received.map((event) => event.traceparent), [
      TRACE,
      OTHER,
      TRACE,
      undefined,
      OTHER,
      undefined,
    ]);
  },
);

testApp("an invalid run or trace in a body is rejected by its pointer", {}, async ({ send }) => {
  for (
    const [field, value] of [
      ["run_id", "a\nb"],
      ["run_id", 5],
      ["traceparent", "00-1-2-3"],
      ["traceparent", TRACE.toUpperCase()],
      ["traceparent", ""],
    ] as const
  ) {
    const { pointers } = await problemOf(
      await send("/events", { body: { ...BASH, [field]: value } }),
    );
    assert.deepEqual(pointers, [`/${field}`]);
  }
  const headers = { "content-type": "application/cloudevents+json" };
  const cloud = { specversion: "1.0", id: "1", source: "s", type: "a", runid: "x".repeat(257) };
  const { pointers } = await problemOf(await send("/events", { body: cloud, headers }));
  assert.deepEqual(pointers, ["/runid"]);
});

testApp(
  "stored events have their run and trace, and ?run= lists those of a run",
  { outbox: true },
  async ({ send }) => {
    for (const run_id of ["run-1", "run-2"]) {
      await receiptsOf(await send("/events", { body: { ...BASH, run_id, traceparent: TRACE } }));
    }
    const { events } = await (await send("/events?run=run-2")).json();
    assert.equal(events.length, 1);
    assert.deepEqual([events[0].run_id, events[0].traceparent], ["run-2", TRACE]);
    const keys = Object.keys(events[0]);
    assert.deepEqual(keys.slice(0, 6), [
      "id",
      "type",
      "timestamp",
      "run_id",
      "traceparent",
      "data",
    ]);
  },
);

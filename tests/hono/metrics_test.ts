/** `GET /metrics`: the numbers, in the text format of Prometheus. */
import assert from "node:assert/strict";
import { WebhookHook } from "@omniagent/hooks";
import { deny } from "@omniagent/hooks/gates";
import { BASH, problemOf, receiptsOf, testApp } from "./helpers.ts";

testApp("/metrics has what was accepted, delivered and decided", {}, async ({ hooks, send }) => {
  hooks.use(
    new WebhookHook({
      name: "audit",
      events: ["tool.called"],
      url: "http://localhost:9/",
      fetch: () => Promise.resolve(new Response(null, { status: 200 })),
    }),
  );
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => data.name === "rm" ? deny("no") : undefined,
  });
  await receiptsOf(await send("/events", { body: BASH }));
  await hooks.decide("tool.called", { name: "rm" });
  await hooks.decide("tool.called", { name: "ls" });
  const delivered = /omniagent_hooks_deliveries_total\{target="audit",outcome="delivered"\} 2/;
  const isDone = (text: string) =>
    delivered.test(text) && text.includes('backlog{target="audit"} 0');
  let text = "";
  for (let n = 0; n < 1000 && !isDone(text); n++) {
    const response = await send("/metrics", { token: "read" });
    assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    text = await response.text();
    await new Promise((resolve) => setTimeout(resolve)); // what sends loads with the first attempt
  }
  for (
    const line of [
      "# TYPE omniagent_hooks_events_total counter",
      'omniagent_hooks_events_total{type="tool.called"} 2',
      'omniagent_hooks_deliveries_total{target="audit",outcome="delivered"} 2',
      'omniagent_hooks_attempt_duration_seconds_bucket{target="audit",outcome="delivered",le="+Inf"} 2',
      'omniagent_hooks_attempt_duration_seconds_count{target="audit",outcome="delivered"} 2',
      'omniagent_hooks_gate_decisions_total{gate="policy",verdict="deny"} 1',
      'omniagent_hooks_gate_decisions_total{gate="policy",verdict="none"} 1',
      'omniagent_hooks_gate_duration_seconds_count{gate="policy"} 2',
      'omniagent_hooks_backlog{target="audit"} 0',
      'omniagent_hooks_backlog_age_seconds{target="audit"} 0',
      'omniagent_hooks_dead_letters{target="audit"} 0',
      'omniagent_hooks_target_enabled{target="audit"} 1',
    ]
  ) assert.ok(text.split("\n").includes(line), `${line}\n\n${text}`);
});

testApp("/metrics works without an outbox", { outbox: false }, async ({ hooks, send }) => {
  hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  await hooks.decide("tool.called", { name: "ls" });
  const text = await (await send("/metrics", { token: "read" })).text();
  assert.match(text, /\nomniagent_hooks_gate_decisions_total\{gate="policy",verdict="none"\} 1\n/);
});

testApp("/metrics needs the scope read", {}, async ({ send }) => {
  assert.equal((await problemOf(await send("/metrics", { token: null }))).status, 401);
  assert.equal((await problemOf(await send("/metrics", { token: "emit" }))).status, 403);
});

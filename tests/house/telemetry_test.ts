/**
 * Dashboard, alerts and `GET /metrics` agree, and Prometheus reads them. `promtool` is a part of Debian's
 * package prometheus: without it, their tests are skipped.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks, fixedRetry, WebhookHook } from "@omniagent/hooks";
import { deny } from "@omniagent/hooks/gates";
import { createHooksApp } from "@omniagent/hooks/hono";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { root } from "../../tools/run.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { until } from "../support/until.ts";

const ALERTS = `${root}/examples/prometheus_alerts.yaml`;
const TOKEN = "a-token-of-the-tests";

test("the dashboard and the alerts use every metric of /metrics, and no others", async () => {
  const text = await metricsText();
  const served = new Set(
    Array.from(text.matchAll(/^# TYPE (\S+)/gm), ([, name]) => name!),
  );
  const used = (text: string): ReadonlySet<string> =>
    new Set(
      Array.from(
        text.matchAll(/\bomniagent_hooks_\w+/g),
        ([name]) => name.replace(/_(?:bucket|count|sum)$/, ""),
      ),
    );
  const dashboard = await Deno.readTextFile(`${root}/examples/grafana_dashboard.json`);
  const alerts = await Deno.readTextFile(ALERTS);
  const known = (names: ReadonlySet<string>) => [...names].filter((name) => !served.has(name));
  assert.deepEqual(known(used(dashboard)), []);
  assert.deepEqual(known(used(alerts)), []);
  assert.deepEqual([...served].filter((name) => !used(dashboard).has(name)), []);
});

test("the labels of the dashboard and of the alerts are those of their metrics", async () => {
  const text = await metricsText();
  const files = [
    await Deno.readTextFile(`${root}/examples/grafana_dashboard.json`),
    await Deno.readTextFile(ALERTS),
  ];
  const labels = new Set(Array.from(text.matchAll(/[{,](\w+)="/g), ([, label]) => label!));
  for (const file of files) {
    const by = Array.from(file.matchAll(/ by \(([^)]*)\)/g), ([, names]) => names!.split(", "));
    const selected = Array.from(file.matchAll(/[{,](\w+)(?:=~|!=|=)\\?"/g), ([, name]) => name!);
    for (const label of [...by.flat(), ...selected]) assert.ok(labels.has(label), label);
  }
});

const noPromtool = await has("promtool") ? undefined : "promtool is not installed";

test("promtool reads /metrics", async () => {
  const { code, text } = await promtool(["check", "metrics"], await metricsText());
  assert.deepEqual([code, text], [0, ""]);
}, { skip: noPromtool });

test("promtool accepts the five alerts, and each fires", async () => {
  const checked = await promtool(["check", "rules", ALERTS]);
  assert.equal(checked.code, 0, checked.text);
  assert.match(checked.text, /5 rules found/);
  const tested = await promtool([
    "test",
    "rules",
    `${root}/tests/house/prometheus_alerts_test.yaml`,
  ]);
  assert.equal(tested.code, 0, tested.text);
}, { skip: noPromtool });

/** What `/metrics` serves once everything has happened. */
async function metricsText(): Promise<string> {
  const outbox = createOutbox(memoryStore(), { logger: silentLogger });
  const hooks = createHooks({ outbox, logger: silentLogger });
  const statuses = [503, 400, 200];
  hooks.use(
    new WebhookHook({
      name: "audit",
      events: ["tool.called"],
      url: "http://localhost:9/",
      retry: fixedRetry({ delay: 1, retries: 1, jitter: 0 }),
      fetch: () => Promise.resolve(new Response(null, { status: statuses.shift() ?? 200 })),
    }),
  );
  hooks.gate("tool.called", { name: "policy", handle: () => deny('a "quoted" reason') });
  hooks.gate("message.*", {
    name: "broken",
    handle: () => {
      throw new Error("it broke");
    },
  });
  const tokens = [{ name: "prometheus", token: TOKEN, scopes: ["read"] as const }];
  const app = createHooksApp(hooks, { tokens, logger: silentLogger });
  await hooks.emit("tool.called", { name: "bash" });
  await hooks.decide("tool.called", { name: "bash" });
  await hooks.decide("message.sent", { role: "assistant", content: "x" });
  const headers = { authorization: `Bearer ${TOKEN}` };
  let text = "";
  await until(async () => {
    text = await (await app.request("/metrics", { headers })).text();
    return text.includes('outcome="dead"');
  }, "a dead letter");
  await hooks.close();
  assert.match(text, /failure="error"/);
  return text;
}

async function has(command: string): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args: ["--version"] }).output()).success;
  } catch {
    return false;
  }
}

async function promtool(args: readonly string[], input = "") {
  const child = new Deno.Command("promtool", {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await new Blob([input]).stream().pipeTo(child.stdin);
  const { code, stdout, stderr } = await child.output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, text: decode(stderr) + decode(stdout) };
}

import { createHooks, fixedRetry, type Hook, WebhookHook } from "@omniagent/hooks";
import { createHooksApp } from "@omniagent/hooks/hono";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { BASH, problemOf, receiptsOf, type Setup, testApp } from "./helpers.ts";

/** A webhook whose receiver responds as it is configured. */
function audit(status: () => number): WebhookHook {
  return new WebhookHook({
    name: "audit",
    events: ["tool.*"],
    url: "https://hooks.example",
    retry: fixedRetry({ delay: 3_600_000, retries: 1 }),
    fetch: () => Promise.resolve(new Response(null, { status: status() })),
  });
}

/** The targets, once the first of them is as it should be. */
async function targetsOnce(
  { send }: Setup,
  holds: (target: Readonly<Record<string, unknown>>) => boolean,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  for (let look = 0; look < 5000; look++) {
    const response = await send("/targets", { token: "read" });
    assert.equal(response.status, 200);
    const { targets } = await response.json();
    if (holds(targets[0])) return targets;
    await new Promise((resolve) => setTimeout(resolve));
  }
  assert.fail("the target never was as it should be");
}

testApp("a webhook that a 410 disabled is listed, and can be enabled", {}, async (setup) => {
  const { hooks, send } = setup;
  let status = 410;
  hooks.use(audit(() => status));
  hooks.use({ name: "ledger", events: ["job.*"], durable: true, handle() {} });
  await receiptsOf(await send("/events", { body: BASH }));
  const [off, ledger] = await targetsOnce(
    setup,
    ({ failed, in_flight }) => failed === 1 && in_flight === 0,
  );
  const none = { accepted: 0, delivered: 0, dead: 0, expired: 0, pending: 0, failed: 0 };
  assert.deepEqual(off, {
    target: "audit",
    state: "off",
    registered: true,
    failures: off!.failures,
    failing_since: off!.failing_since,
    reason: off!.reason,
    ...none,
    accepted: 1,
    pending: 1,
    failed: 1,
    oldest_due: off!.oldest_due,
    in_flight: 0,
    leased: 0,
  });
  assert.match(String(off!.reason), /410/);
  assert.ok(Math.abs(Date.parse(String(off!.oldest_due)) - Date.now()) < 60_000);
  const on = { target: "ledger", state: "on", registered: true };
  assert.deepEqual(ledger, { ...on, failures: 0, ...none, in_flight: 0, leased: 0 });

  status = 200;
  const enabled = await send("/targets/audit/enable", { method: "POST" });
  assert.deepEqual([enabled.status, await enabled.json()], [200, { ...on, target: "audit" }]);
  const [again] = await targetsOnce(setup, ({ delivered }) => delivered === 1);
  assert.deepEqual([again!.state, again!.pending, again!.reason], ["on", 0, undefined]);
});

testApp(
  "a target can be disabled with or without a reason, and holds its deliveries",
  {},
  async (setup) => {
    const { hooks, send } = setup;
    hooks.use(audit(() => 200));
    const off = { target: "audit", state: "off", registered: true };
    const bare = await send("/targets/audit/disable", { method: "POST" });
    assert.deepEqual([bare.status, await bare.json()], [200, off]);
    const [first] = await targetsOnce(setup, () => true);
    assert.equal(first!.reason, "it was turned off by hand");
    await send("/targets/audit/enable", { method: "POST" });
    const reason = "ü".repeat(200);
    const message = await send("/targets/audit/disable", { body: { reason } });
    assert.deepEqual([message.status, await message.json()], [200, off]);
    await receiptsOf(await send("/events", { body: BASH }));
    const [held] = await targetsOnce(setup, ({ pending }) => pending === 1);
    assert.deepEqual([held!.state, held!.reason, held!.delivered], ["off", reason, 0]);
  },
);

testApp("an invalid reason is rejected, and changes nothing", {}, async (setup) => {
  const { hooks, send } = setup;
  hooks.use(audit(() => 200));
  for (const reason of ["", "a".repeat(201), "a\nb", 5, null]) {
    const response = await send("/targets/audit/disable", { body: { reason } });
    const problem = { status: 422, code: "request_invalid", pointers: ["/reason"] };
    assert.deepEqual(await problemOf(response), problem);
  }
  const unknown = await send("/targets/audit/disable", { body: { why: "because" } });
  assert.equal((await problemOf(unknown)).status, 422);
  const name = await send("/targets/a%20b/enable", { method: "POST" });
  assert.deepEqual((await problemOf(name)).pointers, [":target"]);
  assert.equal((await targetsOnce(setup, () => true))[0]!.state, "on");
});

testApp("an unknown target is 404, and a removed one is 409", {}, async (setup) => {
  const { hooks, outbox, send, errors } = setup;
  hooks.use(audit(() => 200));
  await outbox!.remove("audit");
  const problems = {
    unknown: { status: 404, code: "target_not_found" },
    audit: { status: 409, code: "target_removed" },
  };
  for (const [name, problem] of Object.entries(problems)) {
    for (const action of ["enable", "disable"]) {
      const response = await send(`/targets/${name}/${action}`, { method: "POST" });
      assert.deepEqual(await problemOf(response), problem, `${action} ${name}`);
    }
  }
  assert.deepEqual(errors, []);
});

testApp("targets require an outbox", { outbox: false }, async ({ send }) => {
  const problem = { status: 501, code: "outbox_required" };
  assert.deepEqual(await problemOf(await send("/targets")), problem);
  for (const action of ["enable", "disable"]) {
    const response = await send(`/targets/audit/${action}`, { method: "POST" });
    assert.deepEqual(await problemOf(response), problem);
  }
});

test("an unregistered target can be disabled", async () => {
  const store = memoryStore();
  const process = (use: readonly Hook[]) => {
    const outbox = createOutbox(store, { logger: silentLogger });
    const hooks = createHooks({ logger: silentLogger, outbox, use });
    return { hooks, app: createHooksApp(hooks, { auth: false, logger: silentLogger }) };
  };
  const before = process([{ name: "old", events: ["*"], durable: true, handle() {} }]);
  await before.hooks.emit("tool.called", { name: "bash" });
  await before.hooks.close();
  const { hooks, app } = process([]);
  const { targets } = await (await app.request("/targets")).json();
  assert.deepEqual([targets[0].target, targets[0].registered], ["old", false]);
  const disabled = await app.request("/targets/old/disable", { method: "POST" });
  assert.deepEqual(await disabled.json(), { target: "old", state: "off", registered: false });
  await hooks.close();
});

/** Replays in the background over HTTP. */
import { fixedRetry } from "@omniagent/hooks";
import assert from "node:assert/strict";
import { BASH, problemOf, receiptsOf, type Setup, testApp } from "./helpers.ts";
import { until } from "../support/until.ts";

type ReplayJson = Readonly<Record<string, unknown>> & { readonly id: string };

/** Adds a durable hook that gives up at once, with this many dead letters. */
async function addDeadLetters({ hooks, send, outbox }: Setup, count: number): Promise<void> {
  hooks.use({
    name: "audit",
    events: ["*"],
    durable: true,
    retry: fixedRetry({ delay: 0, retries: 0 }),
    handle() {
      throw new Error("no");
    },
  });
  const body = { events: Array.from({ length: count }, () => BASH) };
  assert.equal((await receiptsOf(await send("/events", { body }))).length, count);
  const isDead = async (): Promise<boolean> => (await outbox!.stats())[0]?.dead === count;
  await until(isDead, () => "dead letters");
  await outbox!.disable("audit"); // what is replayed stays pending
}

testApp("many are replayed in the background, with progress, and once", {}, async (setup) => {
  const { send, outbox } = setup;
  await addDeadLetters(setup, 12);
  const response = await send("/replays", { body: { target: "audit", type: "tool.*" } });
  assert.equal(response.status, 202);
  const { id, status, state } = await response.json() as ReplayJson;
  assert.deepEqual([status, state], ["running", "dead"]);

  let replay: ReplayJson | undefined;
  await until(async () => {
    replay = await (await send(`/replays/${id}`, { token: "read" })).json() as ReplayJson;
    return replay.status === "done";
  }, () => `it to end: ${JSON.stringify(replay)}`);
  const { target, type, total, seen, replayed, refused } = replay!;
  assert.deepEqual([target, type, total, seen, replayed, refused], [
    "audit",
    "tool.*",
    12,
    12,
    12,
    0,
  ]);
  assert.ok(Date.parse(String(replay!.ended_at)) >= Date.parse(String(replay!.started_at)));
  assert.deepEqual(await (await send("/replays?limit=1")).json(), { replays: [replay] });
  assert.deepEqual(await (await send(`/replays/${id}/cancel`, { method: "POST" })).json(), replay);
  const [{ dead, pending } = { dead: -1, pending: -1 }] = await outbox!.stats();
  assert.deepEqual([dead, pending], [0, 12]);
});

testApp(
  "replays that aren't there, are too many, or aren't allowed are problems",
  {},
  async (setup) => {
    const { send, outbox } = setup;
    const id = "0192e4a0-6b2f-7c31-9f10-3a5d6c1e2b47";
    for (
      const [path, method] of [[`/replays/${id}`, "GET"], [
        `/replays/${id}/cancel`,
        "POST",
      ]] as const
    ) {
      assert.equal((await problemOf(await send(path, { method }))).code, "replay_not_found");
    }
    const invalid = await problemOf(await send("/replays", { body: { typ: "a" } }));
    assert.deepEqual([invalid.status, invalid.pointers], [422, [""]]);
    for (const n of Array(20).keys()) {
      await outbox!.records!.put({ key: ["replaying", `x${n}`], value: { v: 1 } });
    }
    const refused = await send("/replays", { body: {} });
    assert.equal(refused.headers.get("retry-after"), "1");
    assert.deepEqual(await problemOf(refused), { status: 429, code: "too_many_replays" });
    const forbidden = await send("/replays", { body: {}, token: "read" });
    assert.equal((await problemOf(forbidden)).code, "scope_missing");
  },
);

/**
 * What becomes of a tool that runs: while the hooks close, and when it throws.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks } from "@omniagent/hooks";
import { deny } from "@omniagent/hooks/gates";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

test("close() waits for the tools that run, and their results are judged", async () => {
  const hooks = createHooks({ logger: silentLogger });
  const completed: unknown[] = [];
  hooks.on("tool.completed", ({ data }) => void completed.push(data.result ?? data.error));
  hooks.gate("tool.completed", {
    name: "keys",
    handle: ({ data }) => data.result?.includes("sk-1") ? deny("It holds a key") : undefined,
  });
  const finish: (() => void)[] = [];
  const calls = ["fine", "key sk-1"].map((result) =>
    hooks.call("bash", {}, () => new Promise((resolve) => finish.push(() => resolve(result))))
  );
  while (finish.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  const closed = hooks.close();
  for (const end of finish) end();
  const [fine, denied] = await Promise.all(calls);
  assert.equal(fine, "fine");
  assert.equal((denied as { readonly reason: string }).reason, "It holds a key");
  await closed;
  assert.deepEqual(completed.sort(), ["It holds a key", "fine"]);
});

test("a result that is denied at length has a tool.completed that can be stored", async () => {
  for (const length of [16_385, 300_000]) {
    const outbox = createOutbox(memoryStore(), { logger: silentLogger });
    const hooks = createHooks({ logger: silentLogger, outbox });
    const reason = "x".repeat(length);
    hooks.gate("tool.completed", { name: "policy", handle: () => deny(reason) });
    const denied = await hooks.call("bash", {}, () => "key sk-1") as { readonly reason: string };
    assert.equal(denied.reason, reason);
    const throwing = () => Promise.reject(new Error("key sk-1"));
    assert.deepEqual((await hooks.call("bash", {}, throwing) as typeof denied).reason, reason);
    const { items } = await outbox.listEvents({ type: "tool.completed" });
    const errors = items.map(({ event }) =>
      String((event.data as { readonly error: string }).error)
    );
    assert.deepEqual(errors.map((error) => [error.length, error.slice(-11)]), [
      [16_384, "[truncated]"],
      [16_384, "[truncated]"],
    ]);
    await hooks.close();
  }
});

test("an error whose message gates judged is thrown without other properties", async () => {
  const hooks = createHooks({ logger: silentLogger });
  hooks.gate("tool.completed", { name: "policy", handle: () => undefined });
  const thrownBy = (error: unknown): Promise<unknown> =>
    hooks.call("bash", {}, () => Promise.reject(error)).catch((thrown: unknown) => thrown);
  const isJavaScriptCore = "line" in new Error();
  let reads = 0;
  const plain = new RangeError("exit 1");
  assert.equal(await thrownBy(plain), plain);
  class HttpError extends Error {
    readonly #body = "sk-1";
    get body(): string {
      return this.#body;
    }
  }
  const hidden = [
    Object.assign(new Error("exit 1"), { stdout: "sk-1" }),
    new Error("exit 1", { cause: "sk-1" }),
    new HttpError("exit 1"),
    Object.assign(new Error("exit 1"), { name: "sk-1" }),
    new DOMException("exit 1", "sk-1"),
    new Error("GET https://ada:sk-1@example.com failed"),
    { message: "sk-1", toString: () => "exit 1" },
    // What parsers set.
    Object.assign(new SyntaxError("exit 1"), { line: { text: "sk-1" } }),
    Object.assign(new SyntaxError("exit 1"), { column: "sk-1" }),
    ...isJavaScriptCore ? [] : [Object.assign(new SyntaxError("exit 1"), { sourceURL: "sk-1" })],
    Object.defineProperty(new Error(), "message", { get: () => reads++ < 2 ? "exit 1" : "sk-1" }),
  ];
  for (const error of hidden) {
    const thrown = await thrownBy(error) as Error;
    assert.ok(thrown instanceof Error);
    assert.notEqual(thrown, error);
    assert.deepEqual(Reflect.ownKeys(thrown), Reflect.ownKeys(new Error("exit 1")));
    assert.doesNotMatch(`${thrown.message} ${thrown.stack}`, /sk-1/);
  }
  await hooks.close();
});

test("a required gate that is registered judges its own types, and leaves others as they are", async () => {
  const hooks = createHooks({ logger: silentLogger, gates: { required: ["policy"] } });
  const decided: string[] = [];
  hooks.on("gate.decided", ({ data }) => void decided.push(data.event_type));
  const off = hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  const results = [new Map([["a", 1]]), { n: 1n }, { at: new Date(0) }, new Uint8Array(3)];
  for (const result of results) assert.equal(await hooks.call("q", {}, () => result), result);
  const message = await hooks.decide("message.received", { role: "user", content: "hi" });
  assert.deepEqual([message.decision, message.gates], ["allow", []]);
  assert.deepEqual(decided, results.map(() => "tool.called"));

  const removed = await hooks.call("q", {}, () => {
    off();
    return { secret: "sk-1" };
  }) as { readonly reason: string };
  assert.match(removed.reason, /Gate 'policy' is required, but isn't registered/);
  assert.deepEqual(decided.slice(results.length), ["tool.called", "tool.completed"]);
  assert.equal((await hooks.decide("session.created", {} as never)).decision, "deny");
});

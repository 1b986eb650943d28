/** An unknown option is an error that suggests the right one, wherever options are accepted. */
import assert from "node:assert/strict";
import {
  createHooks,
  defineHook,
  exponentialRetry,
  fixedRetry,
  HookRegistry,
  scheduleRetry,
  WebhookHook,
  withHook,
} from "@omniagent/hooks";
import { hooksFromConfig, parseConfig } from "@omniagent/hooks/config";
import { loadConfig, loadConfigFile } from "@omniagent/hooks/config/yaml";
import { createHooksApp } from "@omniagent/hooks/hono";
import { KvStore } from "@omniagent/hooks/kv";
import { openStore } from "@omniagent/hooks/node";
import { createOutbox, drainOnSignal } from "@omniagent/hooks/outbox";
import { memoryStore, RecordingHook, WebhookReceiver } from "@omniagent/hooks/testing";
import {
  createAddressGuard,
  createWebhookSigner,
  createWebhookVerifier,
  encodeCloudEvent,
  encodeCloudEventBatch,
  generateSecret,
  signWebhook,
  verifyWebhook,
  webhookReceiver,
} from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

const secrets = generateSecret();
const handle = (): void => {};
const hook = { name: "h", events: ["*"], handle };
const event = { id: "e", type: "a.b", timestamp: new Date(), data: 1 };
const tokens = [{ name: "a", token: "a-secret-of-16-or-more", scopes: ["read"] }];

const hooks = () => createHooks<Record<string, unknown>>({ logger: silentLogger });
const outbox = () => createOutbox(memoryStore(), { logger: silentLogger });
const app = (options: object) =>
  createHooksApp(hooks(), { logger: silentLogger, ...options } as never);

/** Unknown options, what they are passed to, and the suggestions. */
const cases:
  readonly (readonly [call: (options: never) => unknown, options: unknown, meant: string])[] = [
    [createHooks, { hooks: [] }, "use"],
    [createHooks, { webhooks: [] }, "use"],
    [createHooks, { max_concurrent: 5 }, "maxConcurrent"],
    [createHooks, { redcat: handle }, "redact"],
    [(options) => new HookRegistry(options), { closeTimout: 5 }, "closeTimeout"],
    [(options) => hooks().on("a.b", handle, options), { time_out: 5 }, "timeout"],
    [
      (options) => hooks().on("a.b", handle, options),
      { durable: true },
      "use(defineHook({ durable: true }))",
    ],
    [(options) => hooks().on("a.b", handle, options), "audit", '{ name: "audit" }'],
    [(options) => hooks().use(withHook("*", handle, options)), { Once: true }, "once"],
    [(options) => hooks().use(options), {
      kind: "handler",
      events: ["*"],
      handle,
      timeout: 5,
    }, "options: { timeout }"],
    [(options) => hooks().use(options), { kind: "handler", event: ["*"], handle }, "events"],
    [(options) => hooks().use(options), { ...hook, timeOut: 5 }, "timeout"],
    [(options) => hooks().use(options), { name: "h", event: ["*"], handle }, "events"],
    [(options) => hooks().use(options), { name: "h", events: ["*"], handler: handle }, "handle"],
    [defineHook, { ...hook, retyr: 5 }, "retry"],
    [(options) => defineHook<{ "a.b": 1 }>()(options), { ...hook, concurency: 5 }, "concurrency"],
    [(options) => hooks().emit("a.b", 1, options), "s-1", '{ sessionId: "s-1" }'],
    [(options) => hooks().emit("a.b", 1, options), { session_id: "s-1" }, "sessionId"],
    [(options) => hooks().emit("a.b", 1, options), { sesionId: undefined }, "sessionId"],
    [(options) => hooks().emit("a.b", 1, options), { idempotency_key: "k" }, "idempotencyKey"],
    [(options) => hooks().dispatcher.emit("a.b", 1, options), { session: "s-1" }, "sessionId"],
    [(options) => hooks().registry.dispatch(event, options), { Signal: 1 }, "signal"],
    [(options) => new WebhookHook(options), {
      name: "w",
      events: ["*"],
      url: "https://w.example/",
      header: {},
    }, "headers"],
    [(options) => webhookReceiver(handle, options), { secrets, secrett: secrets }, "secret"],
    [createWebhookVerifier, { secrets, tolerence: 5 }, "tolerance"],
    [(options) => verifyWebhook("{}", {}, options), { secrets, Now: 5 }, "now"],
    [(options) => signWebhook("{}", options), { id: "m", secrets, timestmp: 5 }, "timestamp"],
    [
      (options) => createWebhookSigner(secrets).sign("{}", options),
      { id: "m", time_stamp: 5 },
      "timestamp",
    ],
    [createAddressGuard, { allowAdresses: [] }, "allowAddresses"],
    [
      (options) => createAddressGuard().check("https://w.example/", options),
      { sginal: 1 },
      "signal",
    ],
    [(options) => encodeCloudEvent(event, options), { sources: "urn:a" }, "source"],
    [(options) => encodeCloudEventBatch([event], options), { Source: "urn:a" }, "source"],
    [(options) => scheduleRetry([], options), { jiter: 0 }, "jitter"],
    [fixedRetry, { delay: 1, retry: 5 }, "retries"],
    [exponentialRetry, { delay: 1, retries: 5, max_delay: 5 }, "maxDelay"],
    [(options) => createOutbox(memoryStore(), options), { retentions: 5 }, "retention"],
    [(options) => outbox().drainOnce(options), { budgetMs: 5 }, "timeout"],
    [(options) => outbox().replay(options), { budgetMs: 5 }, "timeout"],
    [(options) => outbox().listEvents(options), { session: "s-1" }, "sessionId"],
    [(options) => outbox().listDeliveries(options), { state: "dead", targets: "a" }, "target"],
    [(options) => drainOnSignal({ close: () => Promise.resolve() }, options), { log: 1 }, "logger"],
    [memoryStore, { limit: {} }, "limits"],
    [(limits) => memoryStore({ limits }), { check: 5 }, "checks"],
    [(options) => new KvStore({} as never, options), { ownKv: true }, "ownsKv"],
    [(options) => openStore(":memory:", options), { token: "t" }, "accessToken"],
    [(options) => memoryStore().set(["a"], 1, options), { expiresIn: 5 }, "expireIn"],
    [(options) => memoryStore().list({ prefix: ["a"] }, options), { limits: 5 }, "limit"],
    [app, { auth: false, heartBeat: 5 }, "heartbeat"],
    [app, { token: "t" }, "tokens"],
    [app, { tokens: [{ ...tokens[0], scope: ["read"] }] }, "scopes"],
    [app, { tokens: [{ ...tokens[0], expires_at: new Date() }] }, "expiresAt"],
    [app, { auth: false, limits: { json_depth: 5 } }, "jsonDepth"],
    [app, { auth: false, cors: { origin: "*" } }, "origins"],
    [(options) => parseConfig({}, options), { env: {}, files: "a" }, "file"],
    [(options) => loadConfig("{}", options), { Env: {} }, "env"],
    [(options) => loadConfigFile("none.yaml", options), { env: {}, files: "a" }, "file"],
    [
      (options) => hooksFromConfig(parseConfig({}, { env: {} }), options),
      { transforms: {} },
      "transform",
    ],
    [(options) => new WebhookReceiver([options]), { reset_: "body", dealy: 5 }, "reset"],
    [(options) => new WebhookReceiver().waitFor(1, options), { time: 5 }, "timeout"],
    [(options) => new RecordingHook(options), { event: ["*"] }, "events"],
    [(options) => new RecordingHook().waitFor(1, options), { Signal: 5 }, "signal"],
    [(matcher) => new RecordingHook().expectNone(matcher), { tpye: "a.b" }, "type"],
  ];

for (const [index, [call, options, meant]] of cases.entries()) {
  const given = typeof options === "string" ? options : Object.keys(options as object).join(", ");

  test(`the error for ${given} suggests '${meant}', case ${index + 1}`, async () => {
    const error = await Promise.resolve().then(() => call(options as never)).then(
      () => assert.fail("it was taken"),
      (error: unknown) => error,
    );
    assert.ok(error instanceof TypeError, String(error));
    assert.ok(error.message.startsWith("Cannot "), error.message);
    assert.ok(
      error.message.includes(`Did you mean '${meant}'?`) ||
        error.message.endsWith(`Did you mean ${meant}?`),
      error.message,
    );
  });
}

test("an unknown option that resembles none is an error that lists the known ones", () => {
  assert.throws(() => createOutbox(memoryStore(), { colour: "red" } as never), {
    name: "TypeError",
    message: "Cannot create outbox: unknown option 'colour'. " +
      "Known options: prefix, retention, eventLog, disableAfter, logger, onAttempt",
  });
});

test("emitInBackground() with an unknown option throws nothing, and reports it", async () => {
  const errors: unknown[] = [];
  const hooks = createHooks<Record<string, unknown>>({
    logger: silentLogger,
    onError: (error) => errors.push(error),
  });
  for (const options of ["s-1", { session_id: "s-1" }]) {
    hooks.emitInBackground("a.b", 1, options as never);
  }
  await hooks.close();
  assert.deepEqual(errors.map(String), [
    `TypeError: Cannot emit 'a.b': the options must be an object. Did you mean { sessionId: "s-1" }?`,
    "TypeError: Cannot emit 'a.b': unknown option 'session_id'. Did you mean 'sessionId'?",
  ]);
});

test("a hook of a class may have members of its own, and a plain one those that resemble none", async () => {
  const hooks = createHooks<Record<string, unknown>>({ logger: silentLogger });
  class Meter {
    readonly name = "meter";
    readonly events = ["*"];
    readonly event = "a member of its own";
    calls = 0;
    handle(): void {
      this.calls++;
    }
  }
  const meter = new Meter();
  const plain = { name: "plain", events: ["*"], calls: 0, handle: () => void plain.calls++ };
  hooks.use(meter, plain);
  await hooks.emit("a.b", 1);
  assert.deepEqual([meter.calls, plain.calls], [1, 1]);
  await hooks.close();
});

test("names of Object.prototype, symbols and inherited keys are no options", async () => {
  const inherited = Object.create({ sesion: 1 });
  const hooks = createHooks<Record<string, unknown>>(
    { logger: silentLogger, [Symbol("a")]: 1 } as never,
  );
  await hooks.emit("a.b", 1, inherited);
  await hooks.emit("a.b", 1, Object.create(null));
  const proto = JSON.parse('{"__proto__": {"sessionId": "s"}}');
  await assert.rejects(hooks.emit("a.b", 1, proto), /unknown option '__proto__'/);
  assert.throws(() => createHooks({ constructor: 1 } as never), /unknown option 'constructor'/);
  await hooks.close();
});

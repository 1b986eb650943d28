/**
 * Every number option of every entry, with numbers that users of other products have been surprised by: either
 * the call throws and says which option is wrong, or what was made works.
 */
import assert from "node:assert/strict";
import { Hono } from "hono";
import {
  createHooks,
  exponentialRetry,
  fixedRetry,
  HookRegistry,
  type HooksOptions,
  scheduleRetry,
  WebhookHook,
} from "@omniagent/hooks";
import { hooksFromConfig, parseConfig } from "@omniagent/hooks/config";
import { createHooksApp } from "@omniagent/hooks/hono";
import { createOutbox, type OutboxOptions } from "@omniagent/hooks/outbox";
import { memoryStore, RecordingHook, WebhookReceiver } from "@omniagent/hooks/testing";
import {
  createWebhookVerifier,
  generateSecret,
  signWebhook,
  webhookReceiver,
} from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

type Events = Record<string, unknown>;

const HOURS_70_1 = 70.1 * 3_600_000; // 252360000.00000003
const TEN_YEARS = 10 * 365 * 86_400_000;

/** Accepted or not, each of these must be reported or must work. */
const VALUES: readonly unknown[] = [
  ...[0, -1, 0.5, 1, 1.5, HOURS_70_1, 2 ** 31 - 1, 2 ** 31, TEN_YEARS, 2 ** 53, 1e300],
  ...[NaN, Infinity, -Infinity, "5", null, 10n, {}],
];

/** Never a number that an option could take. */
const NONSENSE: readonly unknown[] = [-1, NaN, -Infinity, "5", null, 10n, {}, 2 ** 53 + 2, 1e300];

/** Creates what an option belongs to, and uses it. The error of a creation is thrown as it is. */
type Use = (value: never) => Promise<unknown> | unknown;

async function emitting(options: HooksOptions<Events>): Promise<void> {
  let calls = 0;
  const hooks = createHooks<Events>({ logger: silentLogger, ...options });
  try {
    hooks.on("a.b", () => void calls++);
    await hooks.emit("a.b", 1);
    hooks.emitInBackground("a.b", 1);
    await hooks.drain();
    assert.equal(calls, 2);
  } finally {
    await hooks.close();
  }
}

async function publishing(options: OutboxOptions): Promise<void> {
  const outbox = createOutbox(memoryStore(), { logger: silentLogger, ...options });
  let calls = 0;
  // No retries: a schedule longer than half of the retention is refused.
  const hook = { name: "h", events: ["*"], durable: true, retry: scheduleRetry([]) };
  const hooks = createHooks<Events>({ logger: silentLogger, outbox });
  try {
    hooks.use({ ...hook, handle: () => void calls++ });
    const { deliveries } = await hooks.emit("a.b", 1);
    assert.equal(deliveries, 1);
    await outbox.stats();
    await outbox.listEvents();
  } finally {
    await hooks.close();
  }
}

async function delivering(options: object, retries = 0): Promise<void> {
  const { signal } = new AbortController();
  const respond = (): Promise<Response> => Promise.resolve(new Response());
  const webhook = new WebhookHook({
    ...{ name: "w", events: ["*"], url: "https://w.example/", fetch: respond as typeof fetch },
    ...options,
  });
  const event = { id: "e", type: "a.b", timestamp: new Date(), data: 1 };
  const { verdict } = await webhook.attempt(event, { attempt: 1, signal, logger: silentLogger });
  assert.equal(verdict, "delivered");
  checkPolicy(webhook.retry, retries);
}

/** A delay that a timer, a Date and a store can hold. */
function checkPolicy(retry: ReturnType<typeof fixedRetry>, attempts = 1000): void {
  assert.ok(Number.isSafeInteger(retry.total) && retry.total >= 0, `total ${retry.total}`);
  for (let attempt = 1; attempt <= attempts; attempt++) {
    for (const random of [0, 0.999]) {
      const delay = retry.delay(attempt, random) ?? 0;
      assert.ok(Number.isSafeInteger(delay) && delay >= 0, `delay ${delay}`);
      assert.ok(!Number.isNaN(new Date(Date.now() + delay).getTime()));
    }
  }
}

async function withHook(options: object, durable = false): Promise<void> {
  let calls = 0;
  const outbox = durable ? { outbox: createOutbox(memoryStore(), { logger: silentLogger }) } : {};
  const hooks = createHooks<Events>({ logger: silentLogger, ...outbox });
  try {
    const called = new Promise<void>((resolve) => {
      const handle = async (_: unknown, { signal }: { readonly signal: AbortSignal }) => {
        await Promise.resolve(); // a timer that overflowed is faster only than what waits longer
        if (!signal.aborted) calls++;
        resolve();
      };
      hooks.use({ name: "h", events: ["*"], durable, handle, ...options });
    });
    await hooks.emit("a.b", 1);
    await called;
    assert.equal(calls, 1);
  } finally {
    await hooks.close();
  }
}

async function asking(options: object): Promise<void> {
  const hooks = createHooks<Events>({
    logger: silentLogger,
    outbox: createOutbox(memoryStore(), { logger: silentLogger }),
  });
  try {
    const made = createHooksApp(hooks, { auth: false, logger: silentLogger, ...options });
    const app = new Hono().route("/", made);
    assert.ok((await app.request("/health")).status < 500);
    const body = JSON.stringify({ type: "a.b", data: 1 });
    const headers = { "content-type": "application/json" };
    const { status } = await app.request("/events", { method: "POST", body, headers });
    assert.ok(status < 500, `${status}`);
    const stream = await app.request("/events/stream");
    assert.ok(stream.status < 500, `${stream.status}`);
    await stream.body?.cancel();
  } finally {
    await hooks.close();
  }
}

async function receiving(options: object): Promise<void> {
  const secrets = generateSecret();
  let calls = 0;
  const receive = webhookReceiver(() => void calls++, {
    ...{ secrets, logger: silentLogger, store: memoryStore({ now: () => 0 }) },
    ...options,
  });
  const body = '{"type":"a.b","data":1}';
  const headers = { ...await signWebhook(body, { id: "m", secrets }) };
  const post = async (): Promise<Response> =>
    await receive(new Request("http://localhost/", { method: "POST", body, headers }));
  const { status } = await post();
  assert.ok(status === 200 || status === 413 || status === 401, `${status}`);
  if (status !== 200) return;
  const { status: again } = await post();
  assert.ok(again === 200 || again === 401, `${again}`); // by now, it may be older than a short tolerance
  assert.equal(calls, 1, "handled twice");
}

async function signing(tolerance: number): Promise<void> {
  const secrets = generateSecret();
  const verifier = createWebhookVerifier({ secrets, tolerance, now: () => 1_000_000 });
  const headers = await signWebhook("{}", { id: "m", secrets, timestamp: new Date(1_000_000) });
  await verifier.verify("{}", { ...headers });
}

async function storing(write: (store: ReturnType<typeof memoryStore>) => unknown): Promise<void> {
  await write(memoryStore({ now: () => 0 }));
}

async function draining(timeout: number): Promise<void> {
  const outbox = createOutbox(memoryStore(), { logger: silentLogger });
  const hooks = createHooks<Events>({ logger: silentLogger, outbox });
  try {
    assert.ok(await outbox.drainOnce({ timeout }));
    assert.ok(await outbox.replay({ timeout }));
  } finally {
    await hooks.close();
  }
}

async function misbehaving(step: object): Promise<void> {
  const receiver = new WebhookReceiver([step]);
  await receiver.close();
}

const OPTIONS: Readonly<Record<string, Use>> = {
  "createHooks maxConcurrent": (maxConcurrent) => emitting({ maxConcurrent }),
  "createHooks maxPending": (maxPending) => emitting({ maxPending, maxConcurrent: 1 }),
  "createHooks closeTimeout": (closeTimeout) => emitting({ closeTimeout }),
  "HookRegistry closeTimeout": (closeTimeout) => new HookRegistry({ closeTimeout }).close(),
  "on timeout": async (timeout) => {
    const hooks = createHooks<Events>({ logger: silentLogger });
    hooks.on("a.b", () => Promise.resolve(), { timeout });
    await hooks.emit("a.b", 1);
    await hooks.close();
  },
  "hook timeout": (timeout) => withHook({ timeout }),
  "hook concurrency": (concurrency) => withHook({ concurrency }),
  "durable hook timeout": (timeout) => withHook({ timeout }, true),
  "durable hook concurrency": (concurrency) => withHook({ concurrency }, true),
  "scheduleRetry delay": (delay) => checkPolicy(scheduleRetry([delay])),
  "scheduleRetry jitter": (jitter) => checkPolicy(scheduleRetry([1000], { jitter })),
  "fixedRetry delay": (delay) => checkPolicy(fixedRetry({ delay, retries: 1000 })),
  "fixedRetry retries": (retries) => checkPolicy(fixedRetry({ delay: 1, retries })),
  "fixedRetry jitter": (jitter) => checkPolicy(fixedRetry({ delay: 1, retries: 1, jitter })),
  "exponentialRetry delay": (delay) => checkPolicy(exponentialRetry({ delay, retries: 1000 })),
  "exponentialRetry retries": (retries) => checkPolicy(exponentialRetry({ delay: 1, retries })),
  "exponentialRetry factor": (factor) =>
    checkPolicy(exponentialRetry({ delay: 1, factor, retries: 1000 })),
  "exponentialRetry maxDelay": (maxDelay) =>
    checkPolicy(exponentialRetry({ delay: 1, maxDelay, retries: 1000 })),
  "exponentialRetry jitter": (jitter) =>
    checkPolicy(exponentialRetry({ delay: 1, retries: 1, jitter })),
  "WebhookHook timeout": (timeout) => delivering({ timeout }),
  "WebhookHook retryCount": (retryCount) => delivering({ retryCount }, 10),
  "WebhookHook retryDelay": (retryDelay) => delivering({ retryDelay, retryCount: 2 }, 3),
  "WebhookHook concurrency": (concurrency) => delivering({ concurrency }),
  "webhookReceiver remember": (remember) => receiving({ remember }),
  "webhookReceiver handlingTime": (handlingTime) => receiving({ handlingTime }),
  "webhookReceiver maxBodyBytes": (maxBodyBytes) => receiving({ maxBodyBytes }),
  "webhookReceiver tolerance": (tolerance) => receiving({ tolerance }),
  "createWebhookVerifier tolerance": signing,
  "createOutbox retention": (retention) => publishing({ retention }),
  "createOutbox disableAfter": (disableAfter) => publishing({ disableAfter }),
  "outbox timeout": draining,
  "outbox listEvents limit": async (limit) =>
    await createOutbox(memoryStore(), { logger: silentLogger }).listEvents({ limit }),
  "outbox listDeliveries limit": async (limit) =>
    await createOutbox(memoryStore(), { logger: silentLogger }).listDeliveries({
      state: "dead",
      limit,
    }),
  "store expireIn": (expireIn) =>
    storing(async (store) => {
      await store.set(["a"], 1, { expireIn });
      assert.equal((await store.get(["a"])).value, expireIn === 0 ? null : 1);
    }),
  "store limit": (limit) =>
    storing(async (store) => {
      await store.set(["a", 1], 1);
      let found = 0;
      for await (const _ of store.list({ prefix: ["a"] }, { limit })) found++;
      assert.equal(found, 1);
    }),
  "memoryStore limits.checks": (checks) =>
    storing(() => memoryStore({ limits: { checks } }).set(["a"], 1)),
  "createHooksApp heartbeat": (heartbeat) => asking({ heartbeat }),
  "createHooksApp pollInterval": (pollInterval) => asking({ pollInterval }),
  ...Object.fromEntries(
    ["body", "headers", "jsonDepth", "events", "waits", "streams", "streamBuffer"].map((name) => [
      `createHooksApp limits.${name}`,
      (value: never) => asking({ limits: { [name]: value } }),
    ]),
  ),
  ...Object.fromEntries(
    ["times", "delay", "status", "chunkSize", "chunkDelay", "retryAfter"].map((name) => [
      `WebhookReceiver ${name}`,
      (value: never) => misbehaving({ [name]: value }),
    ]),
  ),
  "WebhookReceiver timeout": async (timeout) => {
    await new WebhookReceiver().waitFor(() => true, { timeout });
  },
  "RecordingHook count": async (count) => {
    const recorder = new RecordingHook();
    if (typeof count === "object" && count !== null) count = "a matcher" as never;
    const signal = AbortSignal.abort(new Error("enough"));
    await recorder.waitFor(count, { signal }).catch((error) => {
      if (error.name !== "ExpectationError") throw error;
    });
  },
};

/** Options that a webhook takes from the configuration: HTTP statuses and the like are no limits. */
for (const [name, use] of Object.entries(OPTIONS)) {
  const option = name.slice(name.lastIndexOf(" ") + 1).replace(/^limits\./, "");

  test(`${name}: an invalid number is rejected by name, and others work`, async () => {
    for (const value of VALUES) {
      try {
        await use(value as never);
        assert.ok(!NONSENSE.some((one) => Object.is(one, value)), `it takes ${String(value)}`);
      } catch (error) {
        const { message } = error as Error;
        const shown = `${String(value)}: ${(error as Error).stack}`;
        assert.ok(error instanceof TypeError || error instanceof RangeError, shown);
        assert.match(message, new RegExp(`^Cannot .+: '(?:limits\\.)?${option}' must be `), shown);
        assert.match(message, /, got \S+/, shown);
      }
    }
  });
}

test("a duration that isn't a whole number of milliseconds is rounded, in code and in a file", async () => {
  const { retention } = parseConfig({ retention: { events: "70.1h" } }, { env: {} });
  assert.equal(retention.events, 252_360_000);
  await publishing({ retention: HOURS_70_1 });
  const webhooks = [{ name: "w", events: ["*"], url: "https://w.example/", timeout: "1.0000001s" }];
  const config = parseConfig({ hooks: { webhooks } }, { env: {} });
  const [fromFile] = hooksFromConfig(config);
  const { name, events, url } = webhooks[0]!;
  const fromCode = new WebhookHook({ name, events, url, timeout: 1000.0001 });
  assert.deepEqual([fromFile!.timeout, fromCode.timeout], [1000, 1000]);
});

test("a file takes a duration exactly when code does", () => {
  const base = { name: "w", events: ["*"], url: "https://w.example/" };
  const fits = (make: () => unknown): boolean => {
    try {
      return make(), true;
    } catch {
      return false;
    }
  };
  const milliseconds = [
    0,
    0.4,
    1,
    119_999.9,
    120_000,
    120_001,
    3_600_000,
    3_600_001,
    2 ** 31,
    1e15,
  ];
  for (const value of milliseconds) {
    for (const [option, key] of [["timeout", "timeout"], ["retryDelay", "retry_delay"]] as const) {
      const code = fits(() => new WebhookHook({ ...base, [option]: value }));
      const webhooks = [{ ...base, [key]: `${value}ms` }];
      const file = fits(() => parseConfig({ hooks: { webhooks } }, { env: {} }));
      assert.equal(file, code, `${option} ${value}`);
    }
    for (
      const [option, key] of [["retention", "events"], ["disableAfter", "disable_after"]] as const
    ) {
      const code = fits(() => createOutbox(memoryStore(), { [option]: value }));
      const file = fits(() => parseConfig({ retention: { [key]: `${value}ms` } }, { env: {} }));
      assert.equal(file, code, `${option} ${value}`);
    }
  }
});

test("a durable hook without an end is rejected when it is registered, and says why", () => {
  const outbox = createOutbox(memoryStore(), { logger: silentLogger });
  const hooks = createHooks<Events>({ logger: silentLogger, outbox });
  const hook = { name: "d", events: ["*"], durable: true, timeout: Infinity, handle() {} };
  assert.throws(() => hooks.use(hook), {
    name: "RangeError",
    message: "Cannot register hook 'd': 'timeout' must be at most 86400000 ms, got Infinity: " +
      "after a crash, no other process retries before it has passed",
  });
});

test("a custom retry policy is validated, for webhooks and for durable hooks", () => {
  const outbox = createOutbox(memoryStore(), { logger: silentLogger });
  const hooks = createHooks<Events>({ logger: silentLogger, outbox });
  for (const retry of [5, {}, { delay: 5, total: 5 }, { delay: () => 5, total: NaN }, null]) {
    const hook = { name: "d", events: ["*"], durable: true, retry: retry as never, handle() {} };
    assert.throws(() => hooks.use(hook), /^TypeError: .*'retry' must be a retry policy/);
  }
});

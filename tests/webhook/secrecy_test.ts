/**
 * No secret, no value of a header and no part of a URL's path or query leaves a webhook except to its
 * receiver, no matter how that responds. All output is captured and searched.
 * @module
 */
import assert from "node:assert/strict";
import { inspect } from "node:util";
import { createHooks, type Logger, type WebhookHook } from "@omniagent/hooks";
import type { WebhookHookOptions } from "@omniagent/hooks/webhook";
import { type ReceiverStep, type RecordedRequest, WebhookReceiver } from "@omniagent/hooks/testing";
import { generateKeyPair, generateSecret } from "@omniagent/hooks/webhook";
import { rejection } from "../support/failures.ts";
import { test } from "../support/harness.ts";
import { attempt, EVENT, fakeFetch, hookOf, withReceiver } from "./hook_checks.ts";

const TOKEN = "Tk9/QmFzZTY0+and=slashes-8f2c";
const KEY = 'quoted"key\\with<html>&amp-77aa';
const PATH = "hidden-path/T0AB/tokenInThePath9c31";
const QUERY = "key=tokenInTheQuery51d0&other=5";
const { secretKey } = await generateKeyPair();
const SECRETS = [generateSecret(), secretKey];

/** What must not be found anywhere: whole values, and the telling parts of them. */
const HIDDEN = [
  ...SECRETS,
  ...SECRETS.map((secret) => secret.slice(6)),
  TOKEN,
  KEY,
  "tokenInThePath9c31",
  "tokenInTheQuery51d0",
];

function secretive(url: string, options: Partial<WebhookHookOptions> = {}): WebhookHook {
  return hookOf({
    url: `${url}${PATH}?${QUERY}`,
    headers: { authorization: `Bearer ${TOKEN}`, "x-api-key": KEY },
    secrets: SECRETS,
    ...options,
  });
}

/** Everything that a text may be hidden in, and whether it is: in any case of letters. */
function assertHidden(texts: readonly string[], hidden: readonly string[] = HIDDEN): void {
  for (const text of texts) {
    for (const secret of hidden) {
      const at = text.toLowerCase().indexOf(secret.toLowerCase());
      assert.ok(at < 0, `${secret} is in: …${text.slice(Math.max(0, at - 80), at + 80)}…`);
    }
  }
}

/** A value in every form in which it may be shown. */
function shown(value: unknown): string[] {
  const texts = [
    String(value),
    inspect(value, { showHidden: true, depth: 9, maxStringLength: null, maxArrayLength: null }),
    JSON.stringify(value) ?? "",
    ...(value instanceof Error ? [value.stack ?? "", ...shown(value.cause)] : []),
  ];
  const { Deno, Bun } = globalThis as { Deno?: Inspecting; Bun?: Inspecting };
  for (const host of [Deno, Bun]) {
    if (host) {
      texts.push(host.inspect(value, { depth: 9, showHidden: true, strAbbreviateSize: 1e6 }));
    }
  }
  return texts;
}

type Inspecting = { inspect(value: unknown, options: object): string };

/** Emits an event to a hook, and everything that is said of it: error, reports, log lines, attempts. */
async function saidOf(hook: WebhookHook): Promise<string[]> {
  const said: unknown[] = [];
  const log = (...data: unknown[]): void => void said.push(...data);
  const logger: Logger = { debug: log, info: log, warn: log, error: log };
  const hooks = createHooks({ logger, onError: log });
  hooks.use(hook);
  said.push(await rejection(hooks.emit("tool.called", { name: "bash" }), Error));
  said.push(await attempt(hook, { logger }), hook, hooks, hooks.registry.list());
  await hooks.close();
  return said.flatMap(shown);
}

const pairs = ({ headers }: RecordedRequest) =>
  [...headers].map(([name, value]) => `${name}: ${value}`).join("\r\n");
const whole = (request: RecordedRequest) =>
  `${request.method} ${request.path}\r\n${pairs(request)}`;
const fail = (body: string): ReceiverStep => ({ status: 400, body });

const echoes: readonly (readonly [kind: string, step: (request: RecordedRequest) => string])[] = [
  ["raw", whole],
  ["in upper case", (request) => whole(request).toUpperCase()],
  ["in lower case", (request) => whole(request).toLowerCase()],
  ["as JSON", (request) => JSON.stringify([whole(request), Object.fromEntries(request.headers)])],
  [
    "as JSON with escaped slashes",
    (request) => JSON.stringify(whole(request)).replaceAll("/", "\\/"),
  ],
  [
    "as JSON that is safe in HTML",
    (request) =>
      JSON.stringify(whole(request)).replace(
        /[<>&]/g,
        (c) => `\\u00${c.charCodeAt(0).toString(16)}`,
      ),
  ],
  [
    "as HTML",
    (request) =>
      whole(request).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;"),
  ],
  ["percent-encoded", (request) => encodeURIComponent(whole(request))],
  ["each value alone", ({ headers }) => [...headers.values()].join("\n")],
  ["the bare token", () => `token ${TOKEN} is unknown`],
  ["the path without its query", ({ path }) => `Cannot POST ${path.split("?")[0]}`],
  ["a part of the path", () => "no hook tokenInThePath9c31"],
  ["a part of the query", () => "the key tokenInTheQuery51d0 is unknown"],
];

for (const [kind, step] of echoes) {
  test(`no secret is stored when the receiver echoes the request: ${kind}`, () =>
    withReceiver([(request) => fail(step(request)) as object], async ({ url }) => {
      assertHidden(await saidOf(secretive(url)));
    }));
}

test("no secret is stored when a limit of 4 KiB or 16 KiB truncates an echo", async () => {
  for (const border of [4096, 16_384]) {
    for (const filler of ["x", "ü", "世", "😀"]) {
      const bytes = new TextEncoder().encode(filler).length;
      const units = border === 4096
        ? Math.floor(border / filler.length)
        : Math.floor(border / bytes);
      for (let into = 0; into < 90; into += 7) {
        const echo = `${filler.repeat(units)}`.slice(0, -into * filler.length || undefined);
        const { fetch } = fakeFetch(() =>
          new Response(`${echo}${KEY}Bearer ${TOKEN}${"y".repeat(20_000)}`, { status: 400 })
        );
        const { response = "" } = await attempt(secretive("https://h.example/", { fetch }));
        for (const secret of [KEY, TOKEN]) {
          for (let length = 8; length <= secret.length; length++) {
            const part = secret.slice(0, length);
            assert.ok(!response.includes(part), `${filler} ${border} -${into}: ${part}`);
          }
        }
      }
    }
  }
});

test("a short secret next to a long one is not stored at the limit of 16 KiB", async () => {
  const long = "J".repeat(200) + "wt.".repeat(400);
  for (let before = 5461 - 1500; before < 5461; before += 11) {
    const body = `${"世".repeat(before)}${KEY}${"世".repeat(9000)}`;
    const { fetch } = fakeFetch(() => new Response(body, { status: 400 }));
    const hook = hookOf({ fetch, headers: { "x-key": KEY, authorization: `Bearer ${long}` } });
    const { response = "" } = await attempt(hook);
    assert.ok(!response.includes(KEY.slice(0, 8)), `${before}: ${response.slice(-40)}`);
  }
});

test("a response that repeats only our header is redacted, wherever it is truncated", async () => {
  for (let length = 100; length < 6000; length += 97) {
    const long = Array.from({ length }, (_, n) => n.toString(36)).join("").slice(0, length);
    const body = long.repeat(Math.ceil(40_000 / length));
    const { fetch } = fakeFetch(() => new Response(body, { status: 400 }));
    const { response = "" } = await attempt(hookOf({ fetch, headers: { "x-long": long } }));
    assert.ok(!response.includes(long.slice(0, 20)), `${length}: ${response.slice(-60)}`);
  }
});

test("no secret is stored when the network fails, even if the error of fetch contains it", async () => {
  const receiver = await WebhookReceiver.start();
  await receiver.close();
  assertHidden(await saidOf(secretive(receiver.url)));
  assertHidden(await saidOf(secretive("http://name.invalid/")));
  const { fetch } = fakeFetch(({ url, headers }) => {
    const all = [...headers].flat().join(" ");
    throw new TypeError(`failed: ${url}`, { cause: new Error(all, { cause: `${all} ${url}` }) });
  });
  assertHidden(await saidOf(secretive("https://h.example/", { fetch })));
});

test("no secret is stored when the connection breaks, is redirected, or times out", async () => {
  const elsewhere = `/${PATH}?${QUERY}`;
  const steps: readonly ReceiverStep[] = [
    { reset: "headers" },
    { close: "body", status: 400, body: "x".repeat(99) },
    { redirect: elsewhere },
    { hold: "headers" },
    { status: 500, headers: { "x-echo": TOKEN, "retry-after": TOKEN, "webhook-delivery": TOKEN } },
  ];
  for (const step of steps) {
    await withReceiver(
      [step],
      async ({ url }) => assertHidden(await saidOf(secretive(url, { timeout: 50 }))),
    );
  }
});

test("no secret is stored when transform, guard, or fetch throws an error that contains it", async () => {
  const fail = () => {
    throw new Error(`${TOKEN} ${KEY} ${SECRETS} https://h.example/${PATH}?${QUERY}`);
  };
  const guard = { check: fail, capabilities: undefined as never };
  for (const options of [{ transform: fail }, { fetch: fail as typeof fetch }, { guard }]) {
    assertHidden(await saidOf(secretive("https://h.example/", options)));
  }
});

test("inspecting a hook, or a list of hooks, shows no secret", () => {
  const hook = secretive("https://h.example/");
  assertHidden([hook, [hook], { hook }, { ...hook }].flatMap(shown));
  assert.deepEqual(Object.keys(JSON.parse(JSON.stringify(hook))).sort(), [
    "concurrency",
    "events",
    "name",
    "retry",
    "timeout",
  ]);
});

test("the warning about plain http is logged once per webhook, not on loopback, and without the URL", async () => {
  const hosts = ["http://h.example/", "http://192.0.2.1/", "https://h.example/"];
  const own = ["http://127.9.9.9/", "http://localhost:8080/", "http://[::1]/"];
  const warned: unknown[][] = [];
  const logger = {
    debug() {},
    info() {},
    error() {},
    warn: (...data: unknown[]) => void warned.push(data),
  };
  for (const host of [...hosts, ...own]) {
    const hook = secretive(host, { fetch: fakeFetch(200).fetch });
    for (let n = 0; n < 2; n++) await attempt(hook, { logger });
  }
  const line = "Webhook 'hook' sends over plain http: anyone on the network path can read it";
  assert.deepEqual(warned, [[line], [line]]);
});

test("a response without secrets is stored unchanged", async () => {
  const body = `unknown event 'tool.called' for ${EVENT.id}: [object] (1.5) $& a+b`;
  const { fetch } = fakeFetch(() => new Response(body, { status: 400 }));
  assert.equal((await attempt(secretive("https://h.example/", { fetch }))).response, body);
});

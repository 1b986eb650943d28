/**
 * `WebhookGate`: what it sends, and what it reads as a verdict.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks } from "@omniagent/hooks";
import { deny } from "@omniagent/hooks/gates";
import {
  createAddressGuard,
  generateKeyPair,
  generateSecret,
  signWebhook,
  verifyWebhook,
  WebhookGate,
} from "@omniagent/hooks/webhook";
import { Webhook as StandardWebhook } from "standardwebhooks";
import { test } from "../../support/harness.ts";
import { silentLogger } from "../../support/silent_logger.ts";
import { CALL, fakeGate, gated } from "./helpers.ts";

const json = (value: unknown, init?: ResponseInit) => Response.json(value, init);

test("a gate is sent the event and itself, signed, with the id of the decision", async () => {
  const secret = generateSecret();
  const { fetch, requests } = fakeGate(() => json({ decision: "allow" }));
  const { hooks, records } = gated({ fetch, secret, headers: { authorization: "Bearer t-1" } });
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const options = { sessionId: "s-1", runId: "r-1", traceparent };
  await hooks.decide("tool.called", { ...CALL, call_id: "c-1" }, options);
  const [{ headers, body }] = requests as [typeof requests[number]];
  const { id, timestamp, ...sent } = JSON.parse(body);
  assert.match(id, /^[0-9a-f-]{36}$/);
  assert.ok(Date.parse(timestamp) <= Date.now());
  assert.equal(sent.session_id, "s-1");
  assert.deepEqual(sent.data, { ...CALL, call_id: "c-1" });
  assert.deepEqual(sent.gate, { name: "policy", kind: "check", timeout_ms: 5_000 });
  assert.equal(headers.get("webhook-id"), records[0]!.decision_id);
  assert.equal(headers.get("content-type"), "application/json");
  assert.equal(headers.get("accept-encoding"), "identity");
  assert.equal(headers.get("authorization"), "Bearer t-1");
  await verifyWebhook(body, headers, { secret });
  new StandardWebhook(secret).verify(body, Object.fromEntries(headers));
});

test("all secrets sign while one replaces another, and so do keys of Ed25519", async () => {
  const { secretKey, publicKey } = await generateKeyPair();
  const secrets = [generateSecret(), generateSecret(), secretKey];
  const { fetch, requests } = fakeGate(() => json({ decision: "allow" }));
  await gated({ fetch, secrets }).decide();
  const [{ headers, body }] = requests as [typeof requests[number]];
  for (const secret of [secrets[0]!, secrets[1]!, publicKey]) {
    await verifyWebhook(body, headers, { secret });
  }
});

test("every verdict is applied, with its reason and context, and 'internal' stays in the record", async () => {
  for (const decision of ["allow", "deny"] as const) {
    const said = { decision, reason: "because", internal: "rule 7", context: "try ls" };
    const { fetch } = fakeGate(() => json(said));
    const { decide, last } = gated({ fetch });
    const made = await decide();
    assert.deepEqual([made.decision, made.reason, made.context], [decision, "because", "try ls"]);
    assert.deepEqual([last().verdict, last().internal], [decision, "rule 7"]);
    assert.doesNotMatch(JSON.stringify(made), /rule 7/);
  }
});

test("a deny stays a deny, whatever is wrong with fields that only an ask has", async () => {
  for (const more of [{ expires_in_ms: 0 }, { allow: "none" }, { expires_in_ms: "1h" }]) {
    const { fetch } = fakeGate(() => json({ decision: "deny", reason: "no", ...more }));
    const made = await gated({ fetch, onFailure: "allow" }).decide();
    assert.deepEqual([made.decision, made.reason], ["deny", "no"], JSON.stringify(more));
  }
});

test("an ask is passed on with its question, expiry and choices, and deny can interrupt", async () => {
  const asked: unknown[] = [];
  const said = { decision: "ask", reason: "Really?", expires_in_ms: 60_000, allow: ["deny"] };
  const { fetch } = fakeGate(() => json(said));
  const { decide } = gated({ fetch }, {
    onAsk: ({ question, allow }) => {
      asked.push([question, allow]);
      return { decision: "deny" };
    },
  });
  assert.equal((await decide()).decision, "deny");
  const interrupting = fakeGate(() => json({ decision: "deny", reason: "no", interrupt: true }));
  assert.equal((await gated({ fetch: interrupting.fetch }).decide()).interrupt, true);
  assert.deepEqual(asked, [["Really?", ["deny"]]]);
});

test("204 and an empty 2xx are no opinion", async () => {
  for (const response of [new Response(null, { status: 204 }), new Response("")]) {
    const { fetch } = fakeGate(() => response);
    const { decide, last } = gated({ fetch });
    assert.equal((await decide()).decision, "allow");
    assert.equal(last().verdict, "none");
  }
});

test("null counts as absent, as serializers of other languages write it", async () => {
  const said = { decision: "allow", reason: null, internal: null, context: null, data: null };
  const { fetch } = fakeGate(() => json(said));
  assert.equal((await gated({ fetch }).decide()).decision, "allow");
});

test("a rewrite changes the data, and fails if it changes what it may not", async () => {
  const harmless = { ...CALL, params: { command: "ls" } };
  const { fetch, requests } = fakeGate(() => json({ decision: "allow", data: harmless }));
  const { decide, last } = gated({ fetch, kind: "rewrite" });
  assert.deepEqual((await decide()).data, harmless);
  assert.equal(last().verdict, "rewritten");
  assert.equal(JSON.parse(requests[0]!.body).gate.kind, "rewrite");
  const others: readonly unknown[] = [
    { ...harmless, name: "sh" },
    { name: "bash" },
    { ...harmless, params: "ls" },
    "ls",
    [],
    { ...harmless, decision: "allow" },
  ];
  for (const data of others) {
    const { fetch } = fakeGate(() => json({ decision: "allow", data }));
    const { decide, last } = gated({ fetch, kind: "rewrite" });
    const made = await decide();
    assert.deepEqual([made.decision, last().failure], ["deny", "invalid"], JSON.stringify(data));
    assert.deepEqual(made.data, CALL);
  }
});

test("a check that returns data fails: it would run unchanged", async () => {
  const { fetch } = fakeGate(() => json({ decision: "allow", data: CALL }));
  const { decide, last } = gated({ fetch });
  assert.equal((await decide()).decision, "deny");
  assert.match(last().internal!, /but is a check/);
});

const malformed: readonly (readonly [string, string])[] = [
  ["no JSON", "allow"],
  ["a list", '[{"decision":"allow"}]'],
  ["a text", '"allow"'],
  ["null", "null"],
  ["an empty object", "{}"],
  ["white space", "  \n"],
  ["an unknown decision", '{"decision":"permit"}'],
  ["a decision in another case", '{"decision":"Allow"}'],
  ["a decision that is no text", '{"decision":["allow"]}'],
  ["no decision but another field", '{"reason":"fine"}'],
  ["a misspelled field", '{"decision":"allow","reasn":"fine"}'],
  ["a field of Claude Code", '{"decision":"allow","updatedInput":{}}'],
  ["a key twice", '{"decision":"deny","decision":"allow"}'],
  ["a key twice, once escaped", '{"decision":"deny","\\u0064ecision":"allow"}'],
  ["a key twice, deeper", '{"decision":"allow","data":{"params":{"a":1,"a":2}}}'],
  ["a reason that is no text", '{"decision":"allow","reason":{"text":"fine"}}'],
  ["an interrupt that is no boolean", '{"decision":"allow","interrupt":"yes"}'],
  ["a question about other data", '{"decision":"ask","reason":"?","data":{"name":"bash"}}'],
  ["a question that is empty", '{"decision":"ask","reason":""}'],
  ["an expiry that is negative", '{"decision":"ask","reason":"?","expires_in_ms":-1}'],
  ["a number that a double would change", '{"decision":"allow","data":{"n":9007199254740993}}'],
  ["a prototype", '{"__proto__":{"decision":"allow"}}'],
  ["a text of a megabyte", `{"decision":"allow","reason":"${"x".repeat(1_000_000)}"}`],
  ["bytes that are no UTF-8", '{"decision":"allow","reason":"\xff"}'],
  ["something after the verdict", '{"decision":"allow"}{"decision":"deny"}'],
];

for (const [what, text] of malformed) {
  test(`${what} is an invalid response, and denies`, async () => {
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
    const { fetch, requests } = fakeGate(() => new Response(bytes));
    const { decide, last } = gated({ fetch });
    assert.equal((await decide()).decision, "deny");
    assert.deepEqual([last().verdict, last().failure], ["failed", "invalid"], last().internal);
    assert.equal(requests.length, 1, "a response came: it isn't asked again");
  });
}

test('a deny is a deny, even with onFailure: "allow", whatever else is wrong with the response', async () => {
  const denials: readonly string[] = [
    '{"decision":"deny","unknown":1}',
    '{"decision":"deny","reason":5}',
    `{"decision":"deny","reason":"${"x".repeat(100_000)}"}`,
    '{"decision":"deny","interrupt":"yes"}',
    '{"decision":"deny","data":{"name":"bash"}}',
    '{"decision":"deny","reason":"a","reason":"b"}',
    '{"decision":"allow","decision":"deny"}',
    '{"decision":"deny","rule":9007199254740993}',
  ];
  for (const text of denials) {
    const { fetch } = fakeGate(() => new Response(text));
    const { decide, last } = gated({ fetch, onFailure: "allow" });
    assert.equal((await decide()).decision, "deny");
    assert.equal(last().verdict, "deny");
    assert.ok((last().reason?.length ?? 0) < 20_000);
  }
});

test("a status other than 2xx is a failure, and so is a redirect", async () => {
  for (const status of [301, 302, 307, 400, 401, 404, 410, 429, 500, 503]) {
    const init = {
      status,
      headers: { location: "https://other.example/", "webhook-delivery": "x" },
    };
    const { fetch, requests } = fakeGate(() => json({ decision: "allow" }, init));
    const { decide, last } = gated({ fetch });
    const made = await decide();
    assert.deepEqual([made.decision, last().failure], ["deny", "status"]);
    assert.equal(made.reason, "Gate 'policy' failed (status)");
    assert.match(last().internal!, new RegExp(`${status}`));
    assert.equal(requests.length, 1);
  }
});

test("a response over 1 MiB is too large, whether it says so or not", async () => {
  const long = `{"decision":"allow","reason":"${"x".repeat(2 ** 20)}"}`;
  const chunked = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(new Uint8Array(64 * 1024).fill(0x20));
    },
  });
  const declared = new Response("{}", { headers: { "content-length": "1048577" } });
  for (const response of [new Response(long), new Response(chunked), declared]) {
    const { decide, last } = gated({ fetch: fakeGate(() => response).fetch });
    assert.equal((await decide()).decision, "deny");
    assert.equal(last().failure, "too_large");
  }
});

test("a compressed response, and one in another charset, are invalid", async () => {
  for (
    const headers of [
      { "content-encoding": "gzip" },
      { "content-type": "application/json; charset=utf-16" },
      { "content-type": ";;" },
    ]
  ) {
    const { decide, last } = gated({
      fetch: fakeGate(() => json({ decision: "allow" }, { headers })).fetch,
    });
    assert.deepEqual([(await decide()).decision, last().failure], ["deny", "invalid"]);
  }
});

test("a body that is shorter than its content-length broke off", async () => {
  const response = () =>
    new Response('{"decision":"allow"}', { headers: { "content-length": "40" } });
  const { decide, last } = gated({ fetch: fakeGate(response).fetch });
  assert.deepEqual([(await decide()).decision, last().failure], ["deny", "unreachable"]);
});

test("a request without a response is sent once more, with the same id, and no third time", async () => {
  for (const failures of [1, 2]) {
    let n = 0;
    const { fetch, requests } = fakeGate(() => {
      if (++n <= failures) throw new TypeError("network error");
      return json({ decision: "allow" });
    });
    const { decide, last, records } = gated({ fetch });
    assert.equal((await decide()).decision, failures === 1 ? "allow" : "deny");
    if (failures === 2) assert.equal(last().failure, "unreachable");
    assert.deepEqual(
      requests.map(({ headers }) => headers.get("webhook-id")),
      Array(2).fill(records[0]!.decision_id),
    );
  }
});

test("a gate that doesn't respond in time fails, and its request is aborted", async () => {
  let signal: AbortSignal | undefined;
  const fetch = ((_: unknown, init: RequestInit) => {
    signal = init.signal!;
    return new Promise<never>(() => {});
  }) as typeof globalThis.fetch;
  const { decide, last } = gated({ fetch, timeout: 10 });
  const made = await decide();
  assert.deepEqual([made.decision, last().failure, signal!.aborted], ["deny", "timeout", true]);
});

test("a body that never ends is ended by the timeout", async () => {
  let cancel: () => void;
  const cancelled = new Promise<void>((resolve) => cancel = resolve);
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode('{"decision":"allow"}')),
    cancel: () => cancel(),
  });
  const { decide, last } = gated({
    fetch: fakeGate(() => new Response(stream)).fetch,
    timeout: 20,
  });
  assert.equal((await decide()).decision, "deny");
  assert.match(last().failure!, /timeout|unreachable/);
  await cancelled;
});

test("the signal of the caller ends a request", async () => {
  const controller = new AbortController();
  const fetch = (() => {
    controller.abort(new Error("gone"));
    return new Promise<never>(() => {});
  }) as unknown as typeof globalThis.fetch;
  const { hooks } = gated({ fetch, onFailure: "allow" });
  const made = await hooks.decide("tool.called", CALL, { signal: controller.signal });
  assert.deepEqual([made.decision, made.gates[0]!.failure], ["deny", "aborted"]);
});

test("no more than 'concurrency' requests run at once, and waiting counts as time of the gate", async () => {
  let running = 0;
  let most = 0;
  const { fetch } = fakeGate(async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 1));
    running--;
    return json({ decision: "allow" });
  });
  const { decide } = gated({ fetch, concurrency: 2 });
  await Promise.all(Array.from({ length: 10 }, decide));
  assert.equal(most, 2);
});

test("only events that match the filter are sent", async () => {
  const { fetch, requests } = fakeGate(() => json({ decision: "deny", reason: "no" }));
  const { hooks } = gated({ fetch, filter: { "data.name": ["bash", "git_*"] } });
  assert.equal((await hooks.decide("tool.called", { name: "ls" })).decision, "allow");
  assert.equal((await hooks.decide("tool.called", { name: "git_push" })).decision, "deny");
  assert.equal(requests.length, 1);
});

test("a guard keeps a gate from private addresses, and nothing is sent", async () => {
  const { fetch, requests } = fakeGate(() => json({ decision: "allow" }));
  const guard = createAddressGuard();
  const { decide, last } = gated({ fetch, guard, url: "https://10.0.0.1/" });
  assert.deepEqual([(await decide()).decision, last().failure], ["deny", "unreachable"]);
  assert.equal(requests.length, 0);
});

test("secrets that a response or an error repeats are neither recorded nor shown", async () => {
  const secret = generateSecret();
  const token = "t0ken-that-is-secret";
  const headers = { authorization: `Bearer ${token}` };
  const echo = fakeGate(() =>
    json({ decision: "deny", reason: `you sent ${token}`, internal: secret, context: token })
  );
  const failing = fakeGate(() => {
    throw new TypeError(`cannot connect with ${token}`);
  });
  const named = [{ [token]: 1 }, { decision: token }].map((body) => fakeGate(() => json(body)));
  const twice = fakeGate(() => new Response(`{"${token}":1,"${token}":2}`));
  for (const { fetch } of [echo, failing, ...named, twice]) {
    const { decide, records } = gated({ fetch, secret, headers });
    const made = await decide();
    assert.equal(made.decision, "deny");
    assert.doesNotMatch(JSON.stringify([made, records]), new RegExp(`${token}|${secret}`));
  }
});

test("results are judged twice if they are rewritten, and the raw data under its own id", async () => {
  const { fetch, requests } = fakeGate(() => json({ decision: "allow" }));
  const { hooks } = gated({ fetch, events: ["tool.completed"] });
  hooks.gate("tool.completed", {
    name: "mask",
    kind: "rewrite",
    handle: ({ data }) => ({ ...data, result: "***" }) as never,
  });
  assert.equal(await hooks.call("env", {}, () => "KEY=1"), "***");
  const sent = requests.map(({ body, headers }) => {
    const { data, gate } = JSON.parse(body);
    return [data.result, gate.final, headers.get("webhook-id")!.endsWith("-raw")];
  });
  assert.deepEqual(sent, [["KEY=1", false, true], ["***", undefined, false]]);
});

test("with verifyResponse, only a response that is signed for this decision counts", async () => {
  const secret = generateSecret();
  const said = JSON.stringify({ decision: "allow" });
  const id = (request: Request) => request.headers.get("webhook-id")!;
  const respond = async (signed: string, id: string, sent = signed, with_ = secret) =>
    new Response(sent, { headers: { ...await signWebhook(signed, { id, secret: with_ }) } });
  let earlier: Response | undefined;
  const cases: readonly (readonly [string, (request: Request) => Response | Promise<Response>])[] =
    [
      ["allow", (request) => respond(said, id(request))],
      ["missing_header", () => new Response(said)],
      ["missing_header", () => new Response(null, { status: 204 })],
      ["another decision", () => respond(said, "another")],
      ["no_matching", (request) => respond(said, id(request), `${said} `)],
      ["no_matching", (request) => respond(said, id(request), said, generateSecret())],
      ["allow", async (request) => (earlier = await respond(said, id(request))).clone()],
      ["another decision", () => earlier!.clone()],
      ["timestamp_too_old", async (request) => {
        const timestamp = new Date(Date.now() - 3_600_000);
        const headers = await signWebhook(said, { id: id(request), secret, timestamp });
        return new Response(said, { headers: { ...headers } });
      }],
    ];
  for (const [expected, respond] of cases) {
    const { fetch } = fakeGate(respond);
    const { decide, last } = gated({ fetch, secret, verifyResponse: true });
    const made = await decide();
    if (expected === "allow") assert.equal(made.decision, "allow", last().internal);
    else {
      assert.deepEqual([made.decision, last().failure], ["deny", "invalid"]);
      assert.match(last().internal!, new RegExp(expected));
    }
  }
});

test("a signed request doesn't count as a response, although its signature is right", async () => {
  const secret = generateSecret();
  for (const format of ["native", "claude-code"] as const) {
    const { fetch } = fakeGate(({ headers }, body) => new Response(body, { headers }));
    const { decide, last } = gated({ fetch, secret, format, verifyResponse: true });
    assert.deepEqual([(await decide()).decision, last().failure], ["deny", "invalid"]);
  }
});

test("responses may be signed with a key pair of the receiver", async () => {
  const { secretKey, publicKey } = await generateKeyPair();
  const { fetch } = fakeGate(async ({ headers }) => {
    const body = JSON.stringify({ decision: "allow" });
    const id = headers.get("webhook-id")!;
    return new Response(body, {
      headers: { ...await signWebhook(body, { id, secret: secretKey }) },
    });
  });
  const options = { fetch, secret: generateSecret(), verifyResponse: true };
  assert.equal(
    (await gated({ ...options, responseSecrets: publicKey }).decide()).decision,
    "allow",
  );
  assert.equal((await gated(options).decide()).decision, "deny");
});

test("options that are wrong are errors, and none shows a secret", () => {
  const options = { name: "policy", events: ["tool.called"], url: "https://policy.example/" };
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ name: "a b" }, /'name' must be/],
    [{ events: [] }, /Cannot create gate 'policy'/],
    [{ url: "policy" }, /'url' must be an absolute/],
    [{ kind: "gate" }, /'kind' must be "check" or "rewrite"/],
    [{ timeout: 0 }, /'timeout' must be at least 1/],
    [{ timeout: 120_001 }, /'timeout' must be at most 120000/],
    [{ format: "cloudevents" }, /'format' must be "native" or "claude-code"/],
    [{ format: "claude-code", events: ["tool.*"] }, /'tool\.\*' can't be sent/],
    [{ retryCount: 1 }, /unknown option 'retryCount'/],
    [{ on_failure: "deny" }, /Did you mean 'onFailure'/],
    [{ secret: undefined }, /'secret' is undefined/],
    [{ verifyResponse: true }, /needs a 'whsec_' secret/],
    [{ verifyResponse: "yes" }, /'verifyResponse' must be true or false/],
    [{ responseSecrets: generateSecret() }, /needs 'verifyResponse: true'/],
    [{ headers: { "webhook-id": "1" } }, /reserved/],
    [{ concurrency: 0 }, /'concurrency' must be/],
  ];
  for (const [more, message] of wrong) {
    assert.throws(() => new WebhookGate({ ...options, ...more } as never), { message });
  }
  const hooks = createHooks({ logger: silentLogger });
  assert.throws(
    () => hooks.use(new WebhookGate({ ...options, onFailure: "block" as never })),
    /'onFailure' must be/,
  );
});

test("missing fields of a response don't come from a polluted prototype", async () => {
  Object.defineProperty(Object.prototype, "decision", { value: "allow", configurable: true });
  try {
    for (const body of ["{}", '{"reason":"fine"}']) {
      const { decide, last } = gated({ fetch: fakeGate(() => new Response(body)).fetch });
      assert.deepEqual([(await decide()).decision, last().failure], ["deny", "invalid"]);
    }
  } finally {
    delete (Object.prototype as { decision?: unknown }).decision;
  }
});

test("the options of a gate can be neither read from it nor changed later", async () => {
  const secret = generateSecret();
  const options = {
    name: "policy",
    events: ["tool.called"],
    url: "https://policy.example/secret-path",
    secret,
    headers: { authorization: "Bearer t-1" },
    ...fakeGate(() => json({ decision: "deny", reason: "no" })),
  };
  const { requests: _, ...rest } = options;
  const gate = new WebhookGate(rest);
  assert.doesNotMatch(JSON.stringify(gate), /secret-path|t-1|whsec_/);
  const hooks = createHooks({ logger: silentLogger, use: [gate] });
  Object.assign(gate, { handle: () => undefined, filter: () => false, mode: "shadow" });
  hooks.gate("tool.called", { name: "other", handle: () => undefined });
  assert.equal((await hooks.decide("tool.called", CALL)).decision, "deny");
});

test("a gate of this process and one over HTTP decide together", async () => {
  const { fetch } = fakeGate(() => json({ decision: "allow", reason: "fine with me" }));
  const { hooks } = gated({ fetch });
  hooks.gate("tool.called", { name: "local", handle: () => deny("not with me") });
  assert.equal((await hooks.decide("tool.called", CALL)).reason, "not with me");
});

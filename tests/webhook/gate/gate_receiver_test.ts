/**
 * `gateReceiver`, with `WebhookGate` as the sender and with requests of others.
 * @module
 */
import assert from "node:assert/strict";
import { allow, ask, deny } from "@omniagent/hooks/gates";
import {
  type GateDecider,
  gateReceiver,
  type GateReceiverOptions,
  generateKeyPair,
  generateSecret,
  signWebhook,
  verifyWebhook,
  type WebhookGateOptions,
} from "@omniagent/hooks/webhook";
import { test } from "../../support/harness.ts";
import { silentLogger } from "../../support/silent_logger.ts";
import { CALL, gated } from "./helpers.ts";

const secret = generateSecret();

/** A gate and its receiver, without a network between them. */
function connected(
  decide: GateDecider,
  gate: Partial<WebhookGateOptions> = {},
  receiver: Partial<GateReceiverOptions> = {},
) {
  const receive = gateReceiver(decide, { secret, logger: silentLogger, ...receiver });
  const fetch = ((url: string, init: RequestInit) => receive(new Request(url, init))) as never;
  return gated({ fetch, secret, ...gate });
}

test("a decider returns what a gate returns, and receives the gate and the session", async () => {
  const made = connected((event, { gate, final, id }) => {
    assert.deepEqual(gate, { name: "policy", kind: "check", timeout: 5_000 });
    assert.equal(final, true);
    assert.ok(Object.isFrozen(event.data));
    const { name } = event.data as typeof CALL;
    return deny(`no ${name}`, { internal: `rule of ${id}`, context: "try ls" });
  });
  const decision = await made.decide();
  assert.deepEqual([decision.decision, decision.reason, decision.context], [
    "deny",
    "no bash",
    "try ls",
  ]);
  assert.equal(made.last().internal, `rule of ${decision.id}`);
  for (const nothing of [undefined, null]) {
    const { decide, last } = connected(() => Promise.resolve(nothing));
    assert.deepEqual([(await decide()).decision, last().verdict], ["allow", "none"]);
  }
  assert.equal((await connected(() => allow("fine")).decide()).reason, "fine");
});

test("a verdict counts, no matter how long its texts are", async () => {
  const long = "🙂".repeat(400_000).slice(1);
  const gate = { onFailure: "allow", verifyResponse: true } as const;
  for (
    const verdict of [
      deny(long, { internal: long, context: long }),
      ask(long, { internal: long, context: long }),
    ]
  ) {
    const { decide, last } = connected(() => verdict, gate, { signResponse: true });
    assert.equal((await decide()).decision, "deny"); // there is nobody to ask
    assert.deepEqual([last().verdict, last().reason?.length], [verdict.decision, 16_384]);
    assert.match(last().reason!, / … \[truncated\]$/);
  }
});

test("an ask arrives with its expiry and choices", async () => {
  let asked: unknown;
  const receive = gateReceiver(() => ask("Really?", { expiresIn: 5_000, allow: ["deny"] }), {
    secret,
  });
  const { hooks } = gated({
    secret,
    fetch: (async (url: string, init: RequestInit) => {
      const response = await receive(new Request(url, init));
      asked = await response.clone().json();
      return response;
    }) as never,
  }, { onAsk: () => ({ decision: "deny" }) });
  await hooks.decide("tool.called", CALL);
  assert.deepEqual(asked, {
    decision: "ask",
    reason: "Really?",
    expires_in_ms: 5_000,
    allow: ["deny"],
  });
});

test("a rewrite may return new data, or allow() with it, or a verdict", async () => {
  const harmless = { ...CALL, params: { command: "ls" } };
  const kind = "rewrite";
  assert.deepEqual((await connected(() => harmless, { kind }).decide()).data, harmless);
  const both = await connected(() => allow("safer", { data: harmless }), { kind }).decide();
  assert.deepEqual([both.data, both.reason], [harmless, "safer"]);
  assert.equal((await connected(() => deny("no"), { kind }).decide()).decision, "deny");
  assert.deepEqual((await connected(() => undefined, { kind }).decide()).data, CALL);
});

test("a denial and an ask count in every form in which a gate of this process may return them", async () => {
  class Denial {
    readonly decision = "deny";
  }
  const denials: readonly unknown[] = [
    { decision: "deny", reason: "no" },
    { ...deny("no") },
    { decision: "deny", because: () => "no" },
    Object.assign(Object.create(null), { decision: "deny" }),
    new Denial(),
    deny("\ud800"),
  ];
  for (const kind of ["check", "rewrite"] as const) {
    const gate = { kind, onFailure: "allow" } as const;
    for (const denial of denials) {
      const { decide, last } = connected(() => denial as never, gate);
      assert.equal((await decide()).decision, "deny");
      assert.equal(last().failure, undefined);
    }
    const { decide } = connected(() => ask("Pay?", { expiresIn: Infinity }), {
      ...gate,
      onFailure: "deny",
    });
    assert.equal((await decide()).reason?.startsWith("Gate"), false);
  }
});

test("a decider that throws, or returns no verdict, is a failure that tells the caller nothing", async () => {
  const logged: unknown[] = [];
  const logger = { ...silentLogger, error: (...data: unknown[]) => void logged.push(data) };
  const deciders: readonly GateDecider[] = [
    () => {
      throw new Error("10.0.0.7 is down");
    },
    () => Promise.reject(new Error("10.0.0.7 is down")),
    () => ({ decision: "permit" }),
    () => true as never,
    () => ({ ...CALL }),
    () => allow("", { data: CALL }),
    () => ({ decision: "allow", reason: 5 }),
  ];
  for (const decider of deciders) {
    const { decide, last, records } = connected(decider, {}, { logger });
    assert.equal((await decide()).decision, "deny");
    assert.equal(last().failure, "status");
    assert.doesNotMatch(JSON.stringify(records), /10\.0\.0\.7/);
  }
  assert.equal(logged.length, deciders.length);
  const kind = "rewrite";
  for (const data of [{ n: 1n }, { d: new Map() }, () => 1]) {
    const { decide } = connected(() => data as never, { kind });
    assert.equal((await decide()).decision, "deny");
  }
});

test("with signResponse, verdicts and 'no opinion' are signed over the decision's id", async () => {
  for (const verdict of [allow(), undefined]) {
    const signed = connected(() => verdict, { verifyResponse: true }, { signResponse: true });
    assert.equal((await signed.decide()).decision, "allow", signed.last().internal);
    const unsigned = connected(() => verdict, { verifyResponse: true });
    assert.equal((await unsigned.decide()).decision, "deny");
  }
  const { secretKey, publicKey } = await generateKeyPair();
  const keyed = connected(
    () => allow(),
    { verifyResponse: true, responseSecrets: publicKey },
    { signResponse: true, responseSecrets: secretKey },
  );
  assert.equal((await keyed.decide()).decision, "allow");
});

test("only signed requests of gates are decided about", async () => {
  let decided = 0;
  const receive = gateReceiver(() => void decided++, { secret, logger: silentLogger });
  const event = {
    id: "e-1",
    type: "tool.called",
    timestamp: new Date().toISOString(),
    data: CALL,
  };
  const gate = { name: "policy", kind: "check", timeout_ms: 5_000 };
  const request = async (
    value: unknown,
    init: RequestInit = {},
    sign: { id?: string; secret?: string; timestamp?: Date } = {},
  ) => {
    const body = typeof value === "string" ? value : JSON.stringify(value);
    const headers = { ...await signWebhook(body, { id: "d-1", secret, ...sign }) };
    return await receive(
      new Request("http://localhost/", {
        method: "POST",
        body,
        ...init,
        headers: { ...headers, ...init.headers as Record<string, string> },
      }),
    );
  };
  const ok = { ...event, gate };
  const cases: readonly (readonly [number, string, Promise<Response>])[] = [
    [204, "", request(ok)],
    [400, "not_a_gate", request(event)],
    [400, "not_a_gate", request({ ...ok, gate: { ...gate, kind: "both" } })],
    [400, "not_a_gate", request({ ...ok, gate: { ...gate, timeout_ms: "5" } })],
    [400, "event_invalid", request({ ...ok, type: undefined })],
    [400, "event_invalid", request("no JSON")],
    [401, "no_matching_signature", request(ok, {}, { secret: generateSecret() })],
    [401, "timestamp_too_old", request(ok, {}, { timestamp: new Date(0) })],
    [413, "body_too_large", request({ ...ok, more: "x".repeat(2 ** 20) })],
    [415, "media_type_unsupported", request(ok, { headers: { "content-encoding": "gzip" } })],
    [405, "method_not_allowed", request(ok, { method: "PUT" })],
  ];
  for (const [status, code, response] of cases) {
    const received = await response;
    assert.equal(received.status, status, code);
    if (code) assert.equal((await received.json()).code, code);
  }
  assert.equal(decided, 1);
  const unsigned = await receive(
    new Request("http://localhost/", { method: "POST", body: JSON.stringify(ok) }),
  );
  assert.equal(unsigned.status, 401);
});

test("the response is signed by every secret, for gates that know only one", async () => {
  const other = generateSecret();
  const receive = gateReceiver(() => deny("no"), {
    secrets: [secret, other],
    signResponse: true,
  });
  const body = JSON.stringify({
    id: "e-1",
    type: "tool.called",
    timestamp: new Date().toISOString(),
    data: CALL,
    gate: { name: "policy", kind: "check", timeout_ms: 5_000 },
  });
  const headers = { ...await signWebhook(body, { id: "d-1", secret: other }) };
  const response = await receive(
    new Request("http://localhost/", { method: "POST", body, headers }),
  );
  const text = await response.text();
  for (const one of [secret, other]) {
    assert.equal((await verifyWebhook(text, response.headers, { secret: one })).id, "d-1");
  }
});

test("options that are wrong are errors", () => {
  const wrong: readonly (readonly [unknown, object, RegExp])[] = [
    [undefined, { secret }, /'decide' must be a function/],
    [() => {}, {}, /'secret' is missing/],
    [() => {}, { secret, signResponses: true }, /Did you mean 'signResponse'/],
    [() => {}, { secret, signResponse: "yes" }, /'signResponse' must be true or false/],
    [() => {}, { secret, responseSecrets: secret }, /needs a value and 'signResponse: true'/],
    [() => {}, { secret, store: {} }, /unknown option 'store'/],
  ];
  for (const [decide, options, message] of wrong) {
    assert.throws(() => gateReceiver(decide as never, options as never), { message });
  }
});

test("a gate whose 'verifyResponse' isn't set is an error", () => {
  const options = { verifyResponse: undefined } as never;
  assert.throws(() => connected(() => undefined, options), /'verifyResponse' is undefined/);
});

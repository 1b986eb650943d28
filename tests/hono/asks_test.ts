import assert from "node:assert/strict";
import { ask, deny, signAskLink } from "@omniagent/hooks/gates";
import { test } from "../support/harness.ts";
import { type Setup, type SetupOptions, testApp, withApp } from "./helpers.ts";

const KEY = "0123456789abcdef0123456789abcdef";

type Json = Readonly<Record<string, unknown>>;

/** Registers gates: payments are asked about, bash is denied. Returns how to ask about a payment. */
function pays({ hooks }: Setup): (callId: string) => Promise<string> {
  hooks.gate("tool.called", {
    name: "approve",
    filter: ({ data }) => data.name === "pay",
    handle: ({ data }) =>
      ask(`Pay <b>${data.params?.amount}</b>?`, { allow: ["allow", "edit", "deny"] }),
  });
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => data.name === "bash" ? deny("No", { internal: "rule 7" }) : undefined,
  });
  return async (callId) => {
    const data = { name: "pay", call_id: callId, params: { amount: 5 } };
    const decision = await hooks.decide("tool.called", data, { sessionId: "s-1" });
    return decision.decision === "ask" ? decision.askId : assert.fail("nothing was asked");
  };
}

async function codeOf(response: Response, status: number): Promise<unknown> {
  assert.equal(response.status, status);
  return (await response.json() as Json).code;
}

testApp(
  "GET /decisions lists what gates decided, newest first, page by page",
  {},
  async (setup) => {
    const askAbout = pays(setup);
    const { hooks, send } = setup;
    const askId = await askAbout("c-1");
    for (const n of [2, 3]) {
      await hooks.decide("tool.called", { name: "bash", call_id: `c-${n}` }, { sessionId: "s-2" });
    }
    await hooks.decide("tool.called", { name: "ls", call_id: "c-4" }, { sessionId: "s-1" });
    const read = async (query: string): Promise<readonly Json[]> => {
      const response = await send(`/decisions${query}`, { token: "read" });
      assert.equal(response.status, 200, query);
      return (await response.json() as { decisions: readonly Json[] }).decisions;
    };
    const calls = async (query: string) => (await read(query)).map(({ call_id }) => call_id);
    assert.deepEqual(await calls(""), ["c-4", "c-3", "c-2", "c-1"]);
    assert.deepEqual(await calls("?outcome=denied"), ["c-3", "c-2"]);
    assert.deepEqual(await calls("?outcome=asked"), ["c-1"]);
    assert.deepEqual(await calls("?session=s-1"), ["c-4", "c-1"]);
    assert.deepEqual(await calls("?name=bash&call=c-2"), ["c-2"]);
    assert.deepEqual(await calls("?gate=approve&name=ls"), ["c-4"]);
    assert.deepEqual(await calls("?gate=other"), []);
    const [denied] = await read("?call=c-2");
    assert.equal(denied!.reason, "No");
    assert.ok(!JSON.stringify(denied).includes("rule 7"), "what is internal stays in the store");
    const events = await send("/events?type=gate.decided", { token: "read" });
    assert.ok(!(await events.text()).includes("rule 7"), "the same record as an event");
    const first = await (await send("/decisions?limit=3")).json() as Json;
    assert.deepEqual(await calls(`?limit=3&cursor=${first.next_cursor}`), ["c-1"]);
    const wrong = await send(`/decisions?outcome=denied&cursor=${first.next_cursor}`);
    assert.equal(await codeOf(wrong, 422), "request_invalid");
    assert.equal(await codeOf(await send("/decisions?outcome=maybe"), 422), "request_invalid");

    await hooks.asks.resolve(askId, { decision: "allow", by: "ada", note: "fine" });
    await (await hooks.asks.get(askId))!.wait();
    const [end, asked] = await read("?call=c-1");
    assert.deepEqual([asked!.outcome, end!.outcome, end!.reason], ["asked", "allowed", "fine"]);
    assert.deepEqual([end!.id, end!.ask_id], [asked!.id, askId]);
    assert.notEqual(end!.event_id, asked!.event_id);
    assert.deepEqual(await calls("?outcome=asked"), ["c-1"]);
    assert.deepEqual(await calls("?outcome=allowed&gate=approve"), ["c-1", "c-4"]);
  },
);

testApp("asks are listed, read and resolved once", {}, async (setup) => {
  const askAbout = pays(setup);
  const { send, hooks } = setup;
  const ids = [await askAbout("c-1"), await askAbout("c-2")];
  const list = async (query = ""): Promise<readonly Json[]> =>
    (await (await send(`/asks${query}`, { token: "approve" })).json() as { asks: Json[] }).asks;
  assert.deepEqual((await list()).map(({ id }) => id), ids.toReversed());
  const path = `/asks/${ids[0]}`;
  const pending = await (await send(path, { token: "read" })).json() as Json;
  assert.equal(pending.state, "pending");
  assert.deepEqual(pending.data, { name: "pay", call_id: "c-1", params: { amount: 5 } });
  assert.deepEqual([pending.call_id, pending.session_id, pending.gate], ["c-1", "s-1", "approve"]);

  const body = { decision: "allow", by: "ada", note: "fine" };
  assert.equal(await codeOf(await send(path, { token: "read", body }), 403), "scope_missing");
  const response = await send(path, { token: "approve", body });
  assert.equal(response.status, 200);
  const { state, by, note } = await response.json() as Json;
  assert.deepEqual([state, by, note], ["allowed", "ada (approve)", "fine"]);
  const late = await send(path, { token: "approve", body: { decision: "deny" } });
  assert.equal(await codeOf(late, 409), "ask_resolved");
  assert.deepEqual((await list()).map(({ id }) => id), [ids[1]]);
  assert.equal((await list("?state=all&limit=1")).length, 1);

  const data = { name: "pay", call_id: "c-2", params: { amount: 3 } };
  const bad = [
    [{ decision: "edit" }, "request_invalid"],
    [{ decision: "allow", data }, "request_invalid"],
    [{ decision: "maybe" }, "request_invalid"],
    [{ decision: "allow", why: 1 }, "request_invalid"],
    ['{"decision":"deny","decision":"allow"}', "request_invalid"],
    [
      `{"decision":"edit","data":${JSON.stringify(data).replace("3", "9007199254740993")}}`,
      "request_invalid",
    ],
    [{ decision: "edit", data: { ...data, name: "bash" } }, "ask_refused"],
  ] as const;
  for (const [body, code] of bad) {
    assert.equal(await codeOf(await send(`/asks/${ids[1]}`, { body }), 422), code);
  }
  const edited = await send(`/asks/${ids[1]}`, { body: { decision: "edit", data } });
  assert.deepEqual((await edited.json() as Json).edited, data);
  const final = await (await hooks.asks.get(ids[1]!))!.wait();
  assert.deepEqual([final.decision, final.data], ["allow", data]);
  const unknown = `/asks/${crypto.randomUUID()}`;
  assert.equal(await codeOf(await send(unknown), 404), "ask_not_found");
  assert.equal(await codeOf(await send(unknown, { body }), 404), "ask_not_found");
});

test("without an outbox, there are no asks and no decisions", () =>
  withApp({ outbox: false }, async ({ send }) => {
    for (const path of ["/asks", "/decisions", "/asks/x"]) {
      assert.equal(await codeOf(await send(path), 501), "outbox_required");
    }
  }));

const LINKS: SetupOptions = { app: { approvalKey: [KEY, "another-key-of-more-than-32-chars!"] } };

testApp(
  "a signed link shows a page, and responds only when its button is pressed",
  LINKS,
  async (setup) => {
    const { send, hooks, base } = setup;
    const askId = await pays(setup)("c-1");
    const link = await signAskLink({
      url: `http://hooks.test${base}/`,
      key: KEY,
      askId,
      decision: "allow",
      expiresAt: new Date(Date.now() + 60_000),
      by: "ada@example.com",
    });
    const path = link.slice(`http://hooks.test${base}`.length);
    for (let previews = 0; previews < 3; previews++) {
      const page = await send(path, { token: null });
      assert.equal(page.status, 200);
      assert.match(page.headers.get("content-type")!, /^text\/html/);
      assert.match(page.headers.get("content-security-policy")!, /default-src 'none'/);
      const html = await page.text();
      assert.match(html, /<form method="post"><button>Allow<\/button>/);
      assert.match(html, /Pay &lt;b&gt;5&lt;\/b&gt;\?/, "escaped");
      assert.ok(!html.includes("<script"));
      await send(path, { token: null, method: "HEAD" });
    }
    assert.equal((await hooks.asks.get(askId))!.state, "pending");

    const form = { "content-type": "application/x-www-form-urlencoded" };
    const post = () => send(path, { token: null, method: "POST", headers: form, body: "" });
    const pressed = await post();
    assert.equal(pressed.status, 200);
    assert.match(await pressed.text(), /<h1>Allowed<\/h1>/);
    const resolved = await hooks.asks.get(askId);
    assert.deepEqual([resolved!.state, resolved!.by], ["allowed", "ada@example.com (link)"]);
    for (const again of [await post(), await send(path, { token: null })]) {
      assert.equal(again.status, 409, "usable once");
      assert.match(await again.text(), /already responded/);
    }
  },
);

test("a name of any length is stored with that of the token, or the fact that it was a link", () =>
  withApp(LINKS, async (setup) => {
    const { send, hooks } = setup;
    const askAbout = pays(setup);
    const long = `ada (ops) ${"\u{1f600}".repeat(246)}`;
    const askId = await askAbout("c-1");
    const response = await send(`/asks/${askId}`, {
      token: "approve",
      body: { decision: "allow", by: long },
    });
    const { by } = await response.json() as Json & { by: string };
    assert.match(by, /^ada \(ops\) .* \(approve\)$/u);
    assert.equal([...by].length, 256);

    const linked = await askAbout("c-2");
    const link = await signAskLink({
      url: "http://hooks.test",
      key: KEY,
      askId: linked,
      decision: "allow",
      expiresAt: new Date(Date.now() + 60_000),
      by: long,
    });
    await send(link.slice("http://hooks.test".length), { token: null, method: "POST" });
    assert.match((await hooks.asks.get(linked))!.by!, /^ada \(ops\) .* \(link\)$/u);
  }));

test("a link that was changed, is old, or was signed with another key does nothing", () =>
  withApp(LINKS, async (setup) => {
    const { send, hooks } = setup;
    const askAbout = pays(setup);
    const [askId, other] = [await askAbout("c-1"), await askAbout("c-2")];
    const sign = async (options: Partial<Parameters<typeof signAskLink>[0]> = {}) => {
      const link = await signAskLink({
        url: "http://hooks.test",
        key: KEY,
        askId,
        decision: "deny",
        expiresAt: new Date(Date.now() + 60_000),
        by: "ada",
        ...options,
      });
      return link.slice("http://hooks.test".length);
    };
    const valid = await sign();
    const signature = /signature=(\w+)/.exec(valid)![1]!;
    const bad: readonly (readonly [path: string, status: number])[] = [
      [valid.replace(askId, other), 403],
      [valid.replace("decision=deny", "decision=allow"), 403],
      [valid.replace("by=ada", "by=eve"), 403],
      [valid.replace(/expires=(\d+)/, "expires=99$1"), 403],
      [valid.replace(signature, signature.slice(0, -1)), 403],
      [valid.replace(signature, "0".repeat(64)), 403],
      [valid.replace(/&signature=\w+/, ""), 403],
      [valid.replace(/by=ada&/, ""), 403],
      [`${valid}&by=ada`, 422],
      [await sign({ key: KEY.replace("0", "x") }), 403],
      [await sign({ expiresAt: new Date(Date.now() - 1) }), 410],
      [await sign({ expiresAt: new Date(Date.now() + 1e12) }), 410],
      [await sign({ askId: crypto.randomUUID() }), 404],
    ];
    for (const [path, status] of bad) {
      for (const method of ["GET", "POST"]) {
        const response = await send(path, { token: null, method });
        assert.equal(response.status, status, path);
        assert.match(await response.text(), /<h1>/);
      }
    }
    assert.equal((await hooks.asks.get(askId))!.state, "pending");
    assert.equal((await send(valid, { token: null, method: "POST" })).status, 200);
    assert.equal((await hooks.asks.get(askId))!.state, "denied");
    const second = await sign({ askId: other, key: "another-key-of-more-than-32-chars!" });
    assert.equal((await send(second, { token: null, method: "POST" })).status, 200);
  }));

test("without a key no link is valid, and a short key is an error", () =>
  withApp({}, async (setup) => {
    const { send } = setup;
    const options = {
      url: "http://hooks.test",
      key: KEY,
      askId: await pays(setup)("c-1"),
      decision: "allow",
      expiresAt: new Date(Date.now() + 60_000),
      by: "ada",
    } as const;
    const link = await signAskLink(options);
    const path = link.slice("http://hooks.test".length);
    assert.equal((await send(path, { token: null, method: "POST" })).status, 403);
    await assert.rejects(
      withApp({ app: { approvalKey: "short" } }, async () => {}),
      /'approvalKey'/,
    );
    const bad = { url: "ftp://x", key: "short", askId: "", decision: "edit", expiresAt: 5, by: 7 };
    for (const [name, value] of Object.entries(bad)) {
      const error = new RegExp(`'${name}' must`);
      await assert.rejects(signAskLink({ ...options, [name]: value as never }), error);
    }
  }));

testApp("a token with the scope emit can't forge what gates decided", {}, async ({ send }) => {
  const data = {
    decision_id: "d-1",
    event_type: "tool.called",
    outcome: "allowed",
    gates: [],
    digest_in: "0".repeat(64),
    digest_out: "0".repeat(64),
    took_ms: 1,
  };
  const forged = { type: "gate.decided", data };
  for (const json of [forged, { events: [{ type: "a.b", data: 1 }, forged] }]) {
    const response = await send("/events", { token: "emit", body: json });
    assert.equal(await codeOf(response, 403), "scope_missing");
  }
  assert.equal((await send("/events", { token: "admin", body: forged })).status, 202);
});

import assert from "node:assert/strict";
import { createHooks } from "@omniagent/hooks";
import { ask as askPerson, deny } from "@omniagent/hooks/gates";
import { createHooksApp } from "@omniagent/hooks/hono";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { ask } from "../support/serving.ts";

/** A server whose gates ask about payments and deny bash, and a command that talks to it. */
async function withServer(
  use: (
    hooks: (...args: readonly string[]) => ReturnType<typeof ask>,
    decide: (name: string, callId: string) => Promise<string | undefined>,
  ) => Promise<void>,
): Promise<void> {
  const outbox = createOutbox(memoryStore(), { logger: silentLogger });
  const hooks = createHooks({ outbox, logger: silentLogger });
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) =>
      data.name === "pay"
        ? askPerson("Pay \u001b[2J5?")
        : data.name === "bash"
        ? deny("Not here")
        : undefined,
  });
  const app = createHooksApp(hooks, { auth: false, logger: silentLogger });
  const fetch = async (url: string | URL | Request, init?: RequestInit) =>
    await app.request(`${url}`, init);
  try {
    await use(
      (...args) => ask("http://127.0.0.1:8787", args, { fetch }),
      async (name, call_id) => {
        const decision = await hooks.decide("tool.called", { name, call_id }, { sessionId: "s-1" });
        return decision.decision === "ask" ? decision.askId : undefined;
      },
    );
  } finally {
    await hooks.close();
  }
}

test("hooks asks lists, shows and resolves asks, once", () =>
  withServer(async (hooks, decide) => {
    assert.match((await hooks("asks")).stderr, /no pending asks/);
    const ids = [(await decide("pay", "c-1"))!, (await decide("pay", "c-2"))!];
    const { stdout } = await hooks("asks");
    assert.deepEqual(
      stdout.trimEnd().split("\n").map((line) => line.split(" ")[0]),
      ids.toReversed(),
    );
    assert.ok(!stdout.includes("\u001b"), "control characters are escaped");
    const shown = await hooks("asks", "show", ids[0]!);
    assert.match(
      shown.stdout,
      /^id +\S+\nstate +pending\nquestion +Pay \\u\{1b\}\[2J5\?\ngate +policy\n/,
    );
    const approved = await hooks("asks", "approve", ids[0]!, "--by", "ada", "--note", "fine");
    assert.equal(approved.code, 0);
    assert.match(approved.stdout, /state +allowed\n[^]*by +ada\nnote +fine\n$/);
    const late = await hooks("asks", "deny", ids[0]!);
    assert.equal(late.code, 1);
    assert.match(late.stderr, /it was allowed by ada/);
    const denied = await hooks("asks", "deny", ids[1]!, "--note", "no", "--json");
    assert.equal(JSON.parse(denied.stdout).state, "denied");
    const all = await hooks("asks", "--state", "all", "--json", "-n", "1");
    assert.equal(all.stdout.trimEnd().split("\n").length, 1);
    assert.match(all.stderr, /next page: --cursor/);
  }));

test("hooks asks rejects arguments that can't be combined", () =>
  withServer(async (hooks) => {
    for (
      const args of [["show"], ["approve"], ["list", "x"], ["show", "x", "--note", "y"], ["forget"]]
    ) {
      assert.equal((await hooks("asks", ...args)).code, 2, args.join(" "));
    }
    const unknown = await hooks("asks", "approve", crypto.randomUUID());
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /Approval request not found/);
  }));

test("hooks decisions lists what gates decided, newest first", () =>
  withServer(async (hooks, decide) => {
    assert.match((await hooks("decisions")).stderr, /no decisions/);
    await decide("ls", "c-1");
    await decide("bash", "c-2");
    await decide("pay", "c-3");
    const lines = (await hooks("decisions")).stdout.trimEnd().split("\n");
    assert.match(lines[0]!, /asked +pay +c-3 +s-1 +policy +Pay/);
    assert.match(lines[1]!, /denied +bash +c-2 +s-1 +policy +Not here$/);
    assert.match(lines[2]!, /allowed +ls +c-1 +s-1 +- +-$/);
    const denied = await hooks("decisions", "--outcome", "denied", "--name", "bash", "--json");
    assert.equal(JSON.parse(denied.stdout).call_id, "c-2");
    const page = await hooks("decisions", "-n", "2");
    const [, cursor] = /--cursor (\S+)/.exec(page.stderr)!;
    assert.match((await hooks("decisions", "--cursor", cursor!)).stdout, /^\S+ \S+ +allowed +ls/);
  }));

test("hooks asks show shows every character that hides or reorders text as an escape", () =>
  withServer(async (hooks, decide) => {
    const hidden =
      "\u034f\u115f\u1160\u17b4\u180b\u2065\u202e\u2800\u3164\ufe0f\uffa0\ufff0\u{1d159}" +
      "\u{e0100}\u{e0fff}";
    const id = await decide("pay", `c-1${[...hidden].join(" ")}`);
    const { stdout } = await hooks("asks", "show", id!);
    for (const character of hidden) {
      const escape = `\\u{${character.codePointAt(0)!.toString(16)}}`;
      assert.ok(stdout.includes(escape), escape);
      assert.ok(!stdout.includes(character), escape);
    }
    const { stdout: json } = await hooks("asks", "show", id!, "--json");
    assert.doesNotMatch(json, /[\u202e\u3164\ufff0]/);
    assert.equal(JSON.parse(json).data.call_id, `c-1${[...hidden].join(" ")}`);
  }));

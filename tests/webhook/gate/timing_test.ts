/**
 * What gates over HTTP come to depends on their responses and on their order, never on their timing.
 * @module
 */
import assert from "node:assert/strict";
import fc from "../../support/fast_check.ts";
import { createHooks } from "@omniagent/hooks";
import type { GateRecord } from "@omniagent/hooks/gates";
import { WebhookGate } from "@omniagent/hooks/webhook";
import { test } from "../../support/harness.ts";
import { silentLogger } from "../../support/silent_logger.ts";

/** A gate, and what its server does. */
type Plan = {
  readonly kind: "check" | "rewrite";
  readonly mode: "enforce" | "shadow";
  readonly onFailure: "deny" | "ask" | "allow";
  readonly said: "none" | "allow" | "deny" | "ask" | "data" | "status" | "garbage" | "cut" | "gone";
  readonly isSigned: boolean;
};

const plan: fc.Arbitrary<Plan> = fc.record({
  kind: fc.constantFrom("check", "rewrite"),
  mode: fc.constantFrom("enforce", "enforce", "shadow"),
  onFailure: fc.constantFrom("deny", "ask", "allow"),
  said: fc.constantFrom(
    "none",
    "allow",
    "deny",
    "ask",
    "data",
    "status",
    "garbage",
    "cut",
    "gone",
  ),
  isSigned: fc.boolean(),
});

const SECRET = `whsec_${"A".repeat(32)}`;

test("the outcome of gates over HTTP depends on responses and order, never on latency", async () => {
  const delays = fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 6, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(plan, { maxLength: 6 }),
      delays,
      delays,
      fc.constantFrom("tool.called" as const, "tool.completed" as const),
      async (plans, one, other, type) => {
        const [first, second] = await Promise.all(
          [one, other].map((turns) => decide(plans, turns, type)),
        );
        assert.deepEqual(second, first);
        const denies = plans.some(({ kind, mode, said, onFailure, isSigned }) =>
          kind === "check" && mode === "enforce" &&
          (said === "deny" && !isSigned || onFailure === "deny" && fails(said, isSigned))
        );
        if (denies) assert.equal(first!.decision, "deny");
      },
    ),
    { numRuns: 60 },
  );
});

/** Whether a check fails: here no response is signed. */
function fails(said: Plan["said"], isSigned: boolean): boolean {
  return isSigned || ["data", "status", "garbage", "cut", "gone"].includes(said);
}

async function decide(
  plans: readonly Plan[],
  turns: readonly number[],
  type: "tool.called" | "tool.completed",
) {
  const hooks = createHooks({
    logger: silentLogger,
    use: plans.map(({ said, isSigned, ...gate }, i) =>
      new WebhookGate({
        ...gate,
        name: `g${i}`,
        events: [type],
        url: "https://gate.example/",
        ...(isSigned && { secret: SECRET, verifyResponse: true }),
        fetch: (async (_: string, init: RequestInit) => {
          const sent = JSON.parse(new TextDecoder().decode(init.body as Uint8Array));
          for (let n = 0; n < turns[i]!; n++) await new Promise((done) => setTimeout(done, 0));
          return respond(said, i, sent.data);
        }) as typeof fetch,
      })
    ),
  });
  const { id: _, gates, ...outcome } = await hooks.decide(type, { name: "bash", result: "ls" });
  await hooks.close();
  const records = gates.map(({ duration_ms: _, ...record }: GateRecord) => record);
  return { ...outcome, records };
}

function respond(said: Plan["said"], i: number, data: { readonly result: string }): Response {
  const reason = `${said} by ${i}`;
  if (said === "none") return new Response(null, { status: 204 });
  if (said === "data") {
    return Response.json({ decision: "allow", data: { ...data, result: `${data.result} ${i}` } });
  }
  if (said === "status") return new Response("{}", { status: 503 });
  if (said === "garbage") return new Response('{"decision":"perhaps"}');
  if (said === "cut") return new Response("{", { headers: { "content-length": "20" } });
  if (said === "gone") throw new TypeError("connection refused");
  return Response.json({ decision: said, reason, context: `context of ${i}` });
}

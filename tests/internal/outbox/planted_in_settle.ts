import type { Mutant } from "./mutants.ts";

const SETTLER = "_settler.ts";
const SETTLEMENT = "_settlement.ts";
const COMMIT = "_commit.ts";
const ATTEMPTER = "_attempter.ts";

/** Bugs in how deliveries are settled. */
export const plantedInSettle: readonly Mutant[] = [
  {
    bug: "settle without checks",
    breaks: "I3",
    edits: [[
      SETTLER,
      "const outcome = await commitChange(store, draft.change, env, PATIENCE);",
      "const outcome = await commitChange(store, { ...draft.change, checks: [] }, env, PATIENCE);",
    ]],
  },
  {
    bug: "settle checks the first of a group only",
    breaks: "I3",
    edits: [[
      SETTLER,
      "const outcome = await commitChange(store, draft.change, env, PATIENCE);",
      "const outcome = await commitChange(store, { ...draft.change, checks: draft.checks.slice(0, 1) }, env, PATIENCE);",
    ]],
  },
  {
    bug: "settle at the versionstamp that is there, not the lease's",
    breaks: "I3",
    edits: [[
      SETTLER,
      "const outcome = await commitChange(store, draft.change, env, PATIENCE);",
      `const now = await store.getMany(draft.checks.map(({ key }) => key));
    const checks = draft.checks.map(({ key, versionstamp }, i) => ({ key, versionstamp: now[i].versionstamp ?? versionstamp }));
    const outcome = await commitChange(store, { ...draft.change, checks }, env, PATIENCE);`,
    ]],
  },
  {
    bug: "settle in two commits: the due key first",
    breaks: "I2",
    edits: [[
      SETTLER,
      "const outcome = await commitChange(store, draft.change, env, PATIENCE);",
      `const all = draft.change;
    let outcome = await commitChange(store, { ...all, sums: [], sets: [] }, env, PATIENCE);
    if (outcome.ok === true) outcome = await commitChange(store, { ...all, checks: [], deletes: [] }, env, PATIENCE);`,
    ]],
  },
  {
    bug: "settle in two commits: the log first",
    breaks: "I2",
    edits: [[
      SETTLER,
      "const outcome = await commitChange(store, draft.change, env, PATIENCE);",
      `const all = draft.change;
    let outcome = await commitChange(store, { ...all, deletes: [] }, env, PATIENCE);
    if (outcome.ok === true) outcome = await commitChange(store, { ...all, sums: [], sets: [] }, env, PATIENCE);`,
    ]],
  },
  {
    bug: "a delivered delivery keeps its due key",
    breaks: "I2",
    edits: [[
      SETTLEMENT,
      "if (next !== lease.at) draft.deletes.push(key);",
      'if (next !== lease.at && settlement.kind !== "delivered") draft.deletes.push(key);',
    ]],
  },
  {
    bug: "retry deletes the due key and sets no other",
    breaks: "I5",
    edits: [[
      SETTLEMENT,
      "draft.sets.push([moved, UNLEASED, lifetime]);",
      "",
    ]],
  },
  {
    bug: "retry keeps its claims",
    breaks: "settle",
    edits: [[
      SETTLEMENT,
      "draft.sets.push([moved, UNLEASED, lifetime]);",
      "draft.sets.push([moved, { ...UNLEASED, claims: due.claims + 2 }, lifetime]);",
    ]],
  },
  {
    bug: "dead without a dead key",
    breaks: "I2",
    edits: [[SETTLEMENT, "draft.sets.push([keys.dead(target, id), dead, rest]);", ""]],
  },
  {
    bug: "a due key without a lifetime",
    breaks: "rule 4",
    edits: [[
      SETTLEMENT,
      "draft.sets.push([moved, UNLEASED, lifetime]);",
      "draft.sets.push([moved, UNLEASED, undefined]);",
    ]],
  },
  {
    bug: "a lifetime computed from a time",
    breaks: "rule 4",
    edits: [[
      SETTLEMENT,
      "draft.sets.push([keys.delivery(target, id), logOf(settlement, env.now()), rest]);",
      "draft.sets.push([keys.delivery(target, id), logOf(settlement, env.now()), rest - (env.now() % 1000)]);",
    ]],
  },
  {
    bug: "a failure is counted twice",
    breaks: "counts",
    edits: [[
      SETTLEMENT,
      '...(failed ? ["failed" as const] : []),',
      '...(failed ? ["failed" as const, "failed" as const] : []),',
    ]],
  },
  {
    bug: "an aborted attempt counts as failed for good",
    breaks: "stop",
    edits: [[
      ATTEMPTER,
      'if (signal.aborted && attempt.verdict !== "delivered") return { kind: "returned" };',
      'if (signal.aborted && attempt.verdict !== "delivered") return { kind: "dead", log, reason: "aborted" };',
    ]],
  },
  {
    bug: "a failed read counts as an event that is gone",
    breaks: "settle",
    edits: [[
      ATTEMPTER,
      "return loadDelivery(store, keys, target, id, env);",
      'return loadDelivery(store, keys, target, id, env).catch(() => ({ event: "expired", log: NEW_LOG }));',
    ]],
  },
  {
    bug: "a lease that comes back keeps its claims",
    breaks: "stop",
    edits: [[SETTLEMENT, "claims: Math.max(0, due.claims - 1)", "claims: due.claims"]],
  },
  {
    bug: "a settle whose check failed is written all the same",
    breaks: "I3",
    edits: [[
      SETTLER,
      "else for (const { done } of group)",
      "else if (outcome.ok === false) { await commitChange(store, { ...draft.change, checks: [] }, env, PATIENCE); } else for (const { done } of group)",
    ]],
  },
  {
    bug: "a settle that got no answer is written anew without its check",
    breaks: "rule 1",
    edits: [[
      COMMIT,
      "cause = error;\n      const failed",
      "cause = error;\n      if (change.deletes.length > 0) change = { ...change, checks: [] };\n      const failed",
    ]],
  },
];

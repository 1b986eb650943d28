import type { Mutant } from "./mutants.ts";

const SETTLER = "_settler.ts";
const COMMIT = "_commit.ts";
const WORKER = "_worker.ts";

/** Bugs in how deliveries are settled. */
export const plantedInSettle: readonly Mutant[] = [
  {
    bug: "settle without checks",
    breaks: "I3",
    edits: [[
      SETTLER,
      "return { checks, sums: sums.entries(), deletes, sets };",
      "return { checks: [], sums: sums.entries(), deletes, sets };",
    ]],
  },
  {
    bug: "settle checks the first of a group only",
    breaks: "I3",
    edits: [[
      SETTLER,
      "return { checks, sums: sums.entries(), deletes, sets };",
      "return { checks: checks.slice(0, 1), sums: sums.entries(), deletes, sets };",
    ]],
  },
  {
    bug: "settle at the versionstamp that is there, not the lease's",
    breaks: "I3",
    edits: [[
      SETTLER,
      "const outcome = await commitChange(store, this.#changeFor(group), env, PATIENCE);",
      `const now = await store.getMany(group.map(({ lease: l }) => this.#options.keys.due(l.target, l.at, l.id)));
    group = group.map((one, i) => ({ ...one, lease: { ...one.lease, versionstamp: now[i].versionstamp ?? one.lease.versionstamp } }));
    const outcome = await commitChange(store, this.#changeFor(group), env, PATIENCE);`,
    ]],
  },
  {
    bug: "settle in two commits: the due key first",
    breaks: "I2",
    edits: [[
      SETTLER,
      "const outcome = await commitChange(store, this.#changeFor(group), env, PATIENCE);",
      `const all = this.#changeFor(group);
    let outcome = await commitChange(store, { ...all, sums: [], sets: [] }, env, PATIENCE);
    if (outcome.ok === true) outcome = await commitChange(store, { ...all, checks: [], deletes: [] }, env, PATIENCE);`,
    ]],
  },
  {
    bug: "settle in two commits: the log first",
    breaks: "I2",
    edits: [[
      SETTLER,
      "const outcome = await commitChange(store, this.#changeFor(group), env, PATIENCE);",
      `const all = this.#changeFor(group);
    let outcome = await commitChange(store, { ...all, deletes: [] }, env, PATIENCE);
    if (outcome.ok === true) outcome = await commitChange(store, { ...all, sums: [], sets: [] }, env, PATIENCE);`,
    ]],
  },
  {
    bug: "a delivered delivery keeps its due key",
    breaks: "I2",
    edits: [[
      SETTLER,
      'if (settlement.kind !== "returned") deletes',
      'if (settlement.kind === "retry" || settlement.kind === "dead") deletes',
    ]],
  },
  {
    bug: "retry deletes the due key and sets no other",
    breaks: "I5",
    edits: [[
      SETTLER,
      "return [[keys.due(target, settlement.at, id), UNLEASED, rest], log];",
      "return [log];",
    ]],
  },
  {
    bug: "retry keeps its claims",
    breaks: "settle",
    edits: [[
      SETTLER,
      "[keys.due(target, settlement.at, id), UNLEASED, rest]",
      "[keys.due(target, settlement.at, id), { ...UNLEASED, claims: due.claims + 2 }, rest]",
    ]],
  },
  {
    bug: "dead without a dead key",
    breaks: "I2",
    edits: [[SETTLER, "return [log, [keys.dead(target, id), dead, rest]];", "return [log];"]],
  },
  {
    bug: "a due key without a lifetime",
    breaks: "rule 4",
    edits: [[
      SETTLER,
      "[keys.due(target, settlement.at, id), UNLEASED, rest]",
      "[keys.due(target, settlement.at, id), UNLEASED, undefined]",
    ]],
  },
  {
    bug: "a lifetime computed from a time",
    breaks: "rule 4",
    edits: [[
      SETTLER,
      "const log = [keys.delivery(target, id), logOf(settlement, env.now()), rest] as const;",
      "const log = [keys.delivery(target, id), logOf(settlement, env.now()), rest - Math.max(0, env.now() - at)] as const;",
    ]],
  },
  {
    bug: "a failure is counted twice",
    breaks: "counts",
    edits: [[
      SETTLER,
      '...(failed ? ["failed" as const] : []),',
      '...(failed ? ["failed" as const, "failed" as const] : []),',
    ]],
  },
  {
    bug: "an aborted attempt counts as failed for good",
    breaks: "stop",
    edits: [[
      WORKER,
      'if (signal.aborted && attempt.verdict !== "delivered") return { kind: "returned" };',
      'if (signal.aborted && attempt.verdict !== "delivered") return { kind: "dead", log, reason: "aborted" };',
    ]],
  },
  {
    bug: "a failed read counts as an event that is gone",
    breaks: "settle",
    edits: [[
      WORKER,
      ": await loadDelivery(store, keys, lease.target, lease.id, env);",
      ': await loadDelivery(store, keys, lease.target, lease.id, env).catch(() => ({ event: "expired", log: NEW_LOG }));',
    ]],
  },
  {
    bug: "a lease that comes back keeps its claims",
    breaks: "stop",
    edits: [[SETTLER, "claims: Math.max(0, due.claims - 1)", "claims: due.claims"]],
  },
  {
    bug: "a settle whose check failed is written all the same",
    breaks: "I3",
    edits: [[
      SETTLER,
      "} else for (const { done } of group)",
      "} else if (outcome.ok === false) { await commitChange(store, { ...this.#changeFor(group), checks: [] }, env, PATIENCE); } else for (const { done } of group)",
    ]],
  },
  {
    bug: "a settle that got no answer is written anew without its check",
    breaks: "rule 1",
    edits: [[
      COMMIT,
      "cause = error;\n    }\n    const pauseFor = wait * (0.5 + env.random());\n    if (env.now() + pauseFor >= deadline) return",
      "cause = error;\n      if (change.deletes.length > 0) change = { ...change, checks: [] };\n    }\n    const pauseFor = wait * (0.5 + env.random());\n    if (env.now() + pauseFor >= deadline) return",
    ]],
  },
];

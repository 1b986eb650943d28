import type { Mutant } from "./mutants.ts";

const CLAIMER = "_claimer.ts";
const ATTEMPTER = "_attempter.ts";
const READER = "_reader.ts";

/** Bugs in how deliveries are claimed and attempted. */
export const plantedInClaim: readonly Mutant[] = [
  {
    bug: "claim without checks",
    breaks: "rule 1",
    edits: [[
      CLAIMER,
      "checks: window.map(({ key, versionstamp }) => ({ key, versionstamp }))",
      "checks: []",
    ]],
  },
  {
    bug: "claim checks the first key of a window only",
    breaks: "claim",
    edits: [[
      CLAIMER,
      "checks: window.map(({ key, versionstamp }) => ({ key, versionstamp }))",
      "checks: window.slice(0, 1).map(({ key, versionstamp }) => ({ key, versionstamp }))",
    ]],
  },
  {
    bug: "a claim that drops the lifetime",
    breaks: "rule 4",
    edits: [[CLAIMER, "retention.rest : undefined]", "undefined : undefined]"]],
  },
  {
    bug: "adopts a lease after ok: false",
    breaks: "claim",
    edits: [[
      CLAIMER,
      "if (outcome.ok !== true) {",
      `if (outcome.ok === false) {
      const now = await store.getMany(leases.map(({ key }) => key));
      leases.forEach(({ key, due }, i) => now[i].versionstamp && take({ target: name, slot, key, at: Number(key[3]), due, versionstamp: now[i].versionstamp, ...partsOf(key) }));
      return leases.length;
    }
    if (outcome.ok !== true) {`,
    ]],
  },
  {
    bug: "a lease that has ended when it begins",
    breaks: "claim",
    edits: [[
      CLAIMER,
      "due: newLease(env, slot.target.timeout, due.claims + 1),",
      "due: { ...newLease(env, slot.target.timeout, due.claims + 1), until: due.until },",
    ]],
  },
  {
    bug: "a lease without the margin, started late",
    breaks: "claim",
    edits: [
      [CLAIMER, "const LEASE_MARGIN = 20_000;", "const LEASE_MARGIN = 10;"],
      [ATTEMPTER, "const START_MARGIN = 5_000;", "const START_MARGIN = -5_000;"],
    ],
  },
  {
    bug: "takes leased keys",
    breaks: "claim",
    edits: [[
      CLAIMER,
      "const at = Math.max(Number(key[3]), due.until);",
      "const at = Number(key[3]);",
    ]],
  },
  {
    bug: "claims are not counted",
    breaks: "claim",
    edits: [[CLAIMER, "due.claims + 1)", "due.claims)"]],
  },
  {
    bug: "the same name for every lease",
    breaks: "rule 3",
    edits: [[CLAIMER, "by: crypto.randomUUID()", 'by: "me"']],
  },
  {
    bug: "never gives up after lost leases, gives up after one",
    breaks: "claim",
    edits: [[CLAIMER, "export const MAX_CLAIMS = 5;", "export const MAX_CLAIMS = 1;"]],
  },
  {
    bug: "an attempt starts however little is left of its lease",
    breaks: "claim",
    edits: [[ATTEMPTER, "const late = env.now() >=", "const late = false && env.now() >="]],
  },
  {
    bug: "an event gets a new id at each attempt",
    breaks: "I4",
    edits: [[
      READER,
      "if (parts.length === 0) return fromWire(head.event);",
      "if (parts.length === 0) return { ...fromWire(head.event), id: crypto.randomUUID() };",
    ]],
  },
  {
    bug: "an attempt outlives the process's lease: it is attempted twice under one lease",
    breaks: "I5",
    edits: [[
      ATTEMPTER,
      "const attempt = await slot.target.attempt(event, {",
      "if (log.made > 0) await slot.target.attempt(event, { attempt: log.made + 1, signal, logger });\n    const attempt = await slot.target.attempt(event, {",
    ]],
  },
];

import type { Mutant } from "./mutants.ts";

const LANES = "_lanes.ts";
const SETTLEMENT = "_settlement.ts";

/** Bugs in how the deliveries of a session wait for one another. */
export const plantedInLanes: readonly Mutant[] = [
  {
    bug: "publish does not check a lane's record",
    breaks: "rule 1",
    edits: [[LANES, "draft.checks.push({ key, versionstamp });", ""]],
  },
  {
    bug: "two of a lane get one number",
    breaks: "lanes",
    edits: [[LANES, "const n = tail.next++;", "const n = tail.first; tail.next++;"]],
  },
  {
    bug: "every delivery of a lane gets a due key",
    breaks: "I2, I7",
    edits: [[LANES, "return tail.versionstamp === null && n === tail.first;", "return true;"]],
  },
  {
    bug: "a lane's due key has a lifetime",
    breaks: "rule 4",
    edits: [[LANES, "session), due, undefined]);", "session), due, 86_400_000]);"]],
  },
  {
    bug: "a claimed lane gets a lifetime",
    breaks: "rule 4",
    edits: [["_claimer.ts", "? retention.rest : undefined]", "? retention.rest : retention.rest]"]],
  },
  {
    bug: "a lane's record has a lifetime",
    breaks: "rule 4",
    edits: [[
      LANES,
      "draft.sets.push([key, lane, undefined]);",
      "draft.sets.push([key, lane, 1e9]);",
    ]],
  },
  {
    bug: "a lane is attempted from its end",
    breaks: "order",
    edits: [[LANES, "{ limit: 2 }", "{ limit: 2, reverse: true }"]],
  },
  {
    bug: "a lane's record is read after its deliveries",
    breaks: "lanes",
    edits: [[
      LANES,
      "return { n: Number(first.key.at(-1)), id, more: second !== undefined, versionstamp };",
      `const [later] = await readKeys(store, [keys.lane(target, session)], env, PATIENCE);
  return { n: Number(first.key.at(-1)), id, more: second !== undefined, versionstamp: later.versionstamp };`,
    ]],
  },
  {
    bug: "a lane that is born with two ends with its first",
    breaks: "I2",
    edits: [[
      "_publication.ts",
      "lease.more = tails.added(lease.target, lease.session) > 1;",
      "lease.more = false;",
    ]],
  },
  {
    bug: "the end of a lane does not check its record",
    breaks: "I2",
    edits: [[
      SETTLEMENT,
      "draft.checks.push({ key: keys.lane(target, session!), versionstamp: lane.versionstamp });",
      "",
    ]],
  },
  {
    bug: "a dead delivery takes its lane with it",
    breaks: "I2",
    edits: [[
      SETTLEMENT,
      'lane?.more === true && settlement.kind !== "retry"',
      'lane?.more === true && settlement.kind !== "retry" && settlement.kind !== "dead"',
    ]],
  },
  {
    bug: "a lane goes on while its first waits to be tried again",
    breaks: "order",
    edits: [[
      SETTLEMENT,
      `? keys.due(target, settlement.at, id)
      : keys.laneDue(target, settlement.at, session);`,
      `? keys.due(target, settlement.at, id)
      : keys.laneDue(target, settlement.at, session);
    if (lane?.more) {
      draft.deletes.push(keys.laneEntry(target, session, lane.n));
      draft.sets.push([keys.due(target, settlement.at, id), UNLEASED, retention.rest]);
    }`,
    ]],
  },
  {
    bug: "what was settled stays in its lane",
    breaks: "I2",
    edits: [[
      SETTLEMENT,
      "if (lane.n !== undefined) draft.deletes.push(keys.laneEntry(target, session!, lane.n));",
      "",
    ]],
  },
  {
    bug: "the next of a lane gets the lease of the one before",
    breaks: "I3",
    edits: [[
      SETTLEMENT,
      "[keys.laneDue(target, next, session!), UNLEASED, undefined]",
      "[keys.laneDue(target, next, session!), due, undefined]",
    ]],
  },
  {
    bug: "a lane that grew is not settled anew",
    breaks: "I5",
    edits: [[
      "_settler.ts",
      "if (due!.versionstamp !== lease.versionstamp) return false;",
      "return false;",
    ]],
  },
];

import type { Mutant } from "./mutants.ts";

const COMMIT = "_commit.ts";
const RETRY = "_retry.ts";
const REVIVE = "_revive.ts";

/** Bugs in how deliveries are wanted now, delivered again, listed and counted. */
export const plantedInOperations: readonly Mutant[] = [
  {
    bug: "replay without a check",
    breaks: "rule 1",
    edits: [[REVIVE, "draft.checks.push(guard);", ""]],
  },
  {
    bug: "replay does not undo the count",
    breaks: "counts",
    edits: [[REVIVE, "draft.sums.add(keys.count(target, id, state), -1n);", ""]],
  },
  {
    bug: "replay leaves the delivery dead",
    breaks: "I2",
    edits: [[REVIVE, 'if (state === "dead") draft.deletes.push(guard.key);', ""]],
  },
  {
    bug: "replay does not write where the due key is",
    breaks: "rule 2",
    edits: [[REVIVE, 'state: "pending", at, made,', 'state: "pending", made,']],
  },
  {
    bug: "a replayed delivery of a session waits for no other",
    breaks: "I7",
    edits: [[REVIVE, "if (session === undefined) putDue(", "if (true) putDue("]],
  },
  {
    bug: "a replayed delivery goes on with its old schedule",
    breaks: "replay",
    edits: [["_attempter.ts", "log.made - (log.base ?? 0) + 1", "log.made + 1"]],
  },
  {
    bug: "retry moves what is leased",
    breaks: "I3",
    edits: [[RETRY, 'if (lease === "newer" || lease.until > now)', 'if (lease === "newer")']],
  },
  {
    bug: "retry without checks",
    breaks: "rule 1",
    edits: [[RETRY, "checks: [check(due!), check(again!)],", "checks: [],"]],
  },
  {
    bug: "retry does not write where the due key is",
    breaks: "rule 2",
    edits: [[RETRY, "[logged.key, { ...log, v: VERSION, at: now }, rest],", ""]],
  },
  {
    bug: "what a newer version wrote is claimed",
    breaks: "version",
    edits: [[
      "_claimer.ts",
      'if (due === "newer") continue;',
      'if (due === "newer") due = UNLEASED_;',
    ], [
      "_claimer.ts",
      "const due = readDue(value);",
      'const UNLEASED_ = { v: 1, until: 0, by: "", claims: 0 };\n        let due = readDue(value);',
    ]],
  },
  {
    bug: "sums come last in a commit",
    breaks: "rule 1",
    edits: [
      [COMMIT, "for (const [key, by] of change.sums) atomic.sum(key, by);", ""],
      [
        COMMIT,
        "return atomic.commit();",
        "for (const [key, by] of change.sums) atomic.sum(key, by);\n  return atomic.commit();",
      ],
    ],
  },
  {
    bug: "a list's cursor leaves one out",
    breaks: "lists",
    edits: [[
      "_scan.ts",
      "if (items.length === limit || seen === most) return { items, last };",
      "if (items.length === limit || seen === most) return { items, last: entry.key };",
    ]],
  },
  {
    bug: "figures count the dead as pending",
    breaks: "figures",
    edits: [[
      "_figures.ts",
      "accepted - delivered - dead - expired",
      "accepted - delivered - expired",
    ]],
  },
];

import type { Mutant } from "./mutants.ts";

const ATTEMPTER = "_attempter.ts";
const CLAIMER = "_claimer.ts";
const ENDPOINTS = "_endpoints.ts";
const OPERATIONS = "_endpoint_operations.ts";
const OWN = "_own_events.ts";
const RECORD = "_endpoint_record.ts";
const REMOVAL = "_removal.ts";
const SETTLEMENT = "_settlement.ts";

const ASK = 'if ((await endpoints.standing(slot)).state !== "on") return { kind: "returned" };';

/** Bugs in how targets are turned off and on, and in what is told of it. */
export const plantedInEndpoints: readonly Mutant[] = [
  {
    bug: "an attempt does not ask whether its target is off",
    breaks: "off",
    edits: [[ATTEMPTER, ASK, ""]],
  },
  {
    bug: "a record is believed for ever",
    breaks: "off",
    edits: [[ENDPOINTS, "const FRESH = 5_000;", "const FRESH = 5_000_000_000;"]],
  },
  {
    bug: "a pause is ignored",
    breaks: "pauses",
    edits: [
      [
        ATTEMPTER,
        ASK,
        ASK.replace('!== "on"', '!== "paused" && (await endpoints.standing(slot)).state !== "on"'),
      ],
      [CLAIMER, 'if (state === "paused") {', "if (false) {"],
      [
        CLAIMER,
        'if (state !== "on") return NOTHING;',
        'if (state !== "on" && state !== "paused") return NOTHING;',
      ],
    ],
  },
  {
    bug: "a record is written without a check",
    breaks: "rule 1",
    edits: [[ENDPOINTS, "draft.checks.push({ key, versionstamp: known.versionstamp });", ""]],
  },
  {
    bug: "a record has a lifetime",
    breaks: "rule 4",
    edits: [[
      ENDPOINTS,
      "draft.sets.push([key, record, undefined]);",
      "draft.sets.push([key, record, 1e9]);",
    ]],
  },
  {
    bug: "what is done by hand is done to a record of long ago",
    breaks: "endpoint",
    edits: [[
      ENDPOINTS,
      "const known = await this.#read(name, this.#options.targets.get(name) !== undefined);",
      "const known = this.#known.get(name);",
    ]],
  },
  {
    bug: "off because of failures holds for every address",
    breaks: "endpoint",
    edits: [[ENDPOINTS, "return edited && { ...edited, address };", "return edited;"]],
  },
  {
    bug: "off after enough failures, however soon",
    breaks: "endpoint",
    edits: [[RECORD, "if (now - failingSince < disableAfter) return undefined;", ""]],
  },
  {
    bug: "off after one failure",
    breaks: "endpoint",
    edits: [[RECORD, "export const MIN_FAILURES = 20;", "export const MIN_FAILURES = 1;"]],
  },
  {
    bug: "a success is not noted",
    breaks: "endpoint",
    edits: [
      [ENDPOINTS, "if (record.failingSince !== undefined) await this.#edit(slot, cleared);", ""],
      [ENDPOINTS, "known.failures = 0;", ""],
    ],
  },
  {
    bug: "enable leaves it off",
    breaks: "enable",
    edits: [[OPERATIONS, "return ON;", "return { ...record, failures: 0 };"]],
  },
  {
    bug: "enable brings a removed target back",
    breaks: "removal",
    edits: [[OPERATIONS, 'if (record.state === "deleted") throw removed("enable", target);', ""]],
  },
  {
    bug: "what turned its target off is dead, not held",
    breaks: "endpoint",
    edits: [[
      ATTEMPTER,
      'if (held) return { kind: "retry", attempt, log, at: job.lease.at };',
      'if (held) return { kind: "dead", attempt, log, reason: "410", type };',
    ]],
  },
  {
    bug: "a purge leaves lanes",
    breaks: "removal",
    edits: [
      [REMOVAL, '"lane", ', ""],
      [REMOVAL, "for (const session of lanes) {", "for (const session of []) {"],
    ],
  },
  {
    bug: "a purge leaves the dead",
    breaks: "removal",
    edits: [[REMOVAL, '"dead", ', ""]],
  },
  {
    bug: "what comes for a removed target is not purged",
    breaks: "removal",
    edits: [[CLAIMER, 'if (state === "deleted") await this.#options.purge(name);', ""]],
  },
  {
    bug: "a death is not told",
    breaks: "own events",
    edits: [[
      SETTLEMENT,
      'announcements.push(options.events.put(draft, "delivery.dead", data, settlement.type));',
      "",
    ]],
  },
  {
    bug: "a death is told in a commit of its own",
    breaks: "own events",
    edits: [
      [
        SETTLEMENT,
        'import { Draft } from "./_draft.ts";',
        'import { Draft } from "./_draft.ts";\nimport { commitChange } from "./_commit.ts";',
      ],
      [
        SETTLEMENT,
        'announcements.push(options.events.put(draft, "delivery.dead", data, settlement.type));',
        `const apart = new Draft();
      const announce = options.events.put(apart, "delivery.dead", data, settlement.type);
      announcements.push(() => void commitChange(options.store, apart.change, options.env, 5_000).then(announce));`,
      ],
    ],
  },
  {
    bug: "webhook.disabled is not told",
    breaks: "own events",
    edits: [[ENDPOINTS, "isNews ? events.put(", "false ? events.put("]],
  },
  {
    bug: "webhook.disabled is told whenever a record is written",
    breaks: "own events",
    edits: [[ENDPOINTS, "isNews ? events.put(", "true ? events.put("]],
  },
  {
    bug: "failures are written twice, when others come meanwhile",
    breaks: "endpoint",
    edits: [
      [ENDPOINTS, "Object.assign(known, { failures: 0, writtenAt: now });", ""],
      [
        ENDPOINTS,
        'return written?.state === "off" ||',
        'known.failures -= failures; known.writtenAt = now;\n      return written?.state === "off" ||',
      ],
    ],
  },
  {
    bug: "an event of the outbox causes another",
    breaks: "own events",
    edits: [[OWN, "if (isSilent) return () => {};", ""]],
  },
  {
    bug: "an event of the outbox goes to the target that it is about",
    breaks: "own events",
    edits: [[
      OWN,
      "(this.#host?.targetsOf(event) ?? []).filter((target) => target !== about)",
      "this.#host?.targetsOf(event) ?? []",
    ]],
  },
  {
    bug: "an event of the outbox is announced before it is stored",
    breaks: "own events",
    edits: [[
      OWN,
      "return () => {\n      this.#host?.announce",
      "this.#host?.announce(event);\n    return () => {\n      this.#host?.announce",
    ]],
  },
  {
    bug: "an event of the outbox is stored though nobody hears it, and none are to be",
    breaks: "own events",
    edits: [[OWN, "if (to.length > 0 || eventLog) {", "{"]],
  },
];

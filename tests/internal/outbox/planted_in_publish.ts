import type { Mutant } from "./mutants.ts";

const PUBLISHER = "_publisher.ts";
const PUBLICATION = "_publication.ts";
const CHUNKS = "_chunks.ts";
const DUPLICATES = "_duplicates.ts";
const COMMIT = "_commit.ts";

/** Bugs in how deliveries are published. */
export const plantedInPublish: readonly Mutant[] = [
  {
    bug: "publish without its guard",
    breaks: "rule 1",
    edits: [[
      PUBLICATION,
      "draft.checks.push({ key: keys.event(batch[0]!.event.id), versionstamp: null });",
      "",
    ]],
  },
  {
    bug: "publish without the check of its idempotency key",
    breaks: "publish",
    edits: [[
      PUBLICATION,
      "draft.checks.push({ key: keys.seen(key), versionstamp: null });",
      "",
    ]],
  },
  {
    bug: "chunks live as long as heads",
    breaks: "rule 4",
    edits: [[CHUNKS, "chunk, retention.rest]", "chunk, retention.head]"]],
  },
  {
    bug: "the receipt before the commit",
    breaks: "I1",
    edits: [[
      PUBLISHER,
      "const outcome = await commitChange(store, change, env, left(), { failFast: true });",
      'this.#stored(units, [], "");\n        const outcome = await commitChange(store, change, env, left(), { failFast: true });',
    ]],
  },
  {
    bug: "chunks after the head",
    breaks: "chunks",
    edits: [
      [PUBLISHER, "await storeChunks(stored, this.#options);", ""],
      [
        PUBLISHER,
        "return all.map((prepared) => {\n      const original",
        "await storeChunks(all, this.#options);\n    return all.map((prepared) => {\n      const original",
      ],
    ],
  },
  {
    bug: "chunks beside the head, not before it",
    breaks: "chunks",
    edits: [[
      PUBLISHER,
      "await storeChunks(stored, this.#options);",
      "void storeChunks(stored, this.#options).catch(() => {});",
    ]],
  },
  {
    bug: "publish: thrown counts as not stored",
    breaks: "rule 1",
    edits: [[
      PUBLISHER,
      "throw new OutboxUnavailableError(outcome.stored, outcome.cause);",
      "throw new OutboxUnavailableError(false, outcome.cause);",
    ]],
  },
  {
    bug: "publish: thrown counts as stored",
    breaks: "I1",
    edits: [[
      COMMIT,
      "cause = error;\n      const failed",
      'return { ok: true, versionstamp: "00000000000000000000" };\n      const failed',
    ]],
  },
  {
    bug: "publish: ok: false counts as stored",
    breaks: "publish",
    edits: [[
      PUBLISHER,
      "await findStored(units, this.#options, left())",
      '"00000000000000000000"',
    ]],
  },
  {
    bug: "publish: ok: false counts as not stored, and is built anew with another id",
    breaks: "I4",
    edits: [[
      DUPLICATES,
      "if (isOurs(head, first)) return head.versionstamp;",
      "if (head.versionstamp !== null) { for (const unit of units) unit.batch = unit.batch.map((p) => { const id = crypto.randomUUID(); return { ...p, event: { ...p.event, id }, wire: { ...p.wire, id } }; }); return null; }",
    ]],
  },
  {
    bug: "publish: a resend is built anew with another time, and keeps the leases",
    breaks: "rule 1",
    edits: [[
      PUBLISHER,
      "const outcome = await commitChange(store, change, env, left(), { failFast: true });",
      `let outcome;
        for (let n = 0; n < 9; n++) {
          const again = n === 0 ? change : publicationDraft(batch, tails, leases.splice(0, 0), this.#options).change;
          outcome = await commitChange(store, again, { ...env, random: () => 1e9 }, left());
          if (outcome.ok !== "unknown") break;
        }`,
    ]],
  },
  {
    bug: "publish: a duplicate is stored too",
    breaks: "publish",
    edits: [[
      DUPLICATES,
      "if (seen !== null) setDuplicates(unit.done, prepared, seen);",
      "if (seen !== null) rest.push({ ...prepared, key: undefined });",
    ]],
  },
  {
    bug: "publish: somebody else's event counts as the one that was to be stored",
    breaks: "publish",
    edits: [[
      DUPLICATES,
      "versionstamp !== null && (value as Partial<EventHead> | null)?.token === token",
      "versionstamp !== null",
    ]],
  },
  {
    bug: "publish: an event from elsewhere is stored without a look",
    breaks: "publish",
    edits: [["_prepare.ts", "token: fresh ? undefined : crypto.randomUUID()", "token: undefined"]],
  },
  {
    bug: "publish: a conflict counts as a duplicate",
    breaks: "publish",
    edits: [[
      DUPLICATES,
      "if (seen !== null && seen.hash !== hash) throw new IdempotencyConflictError();",
      "",
    ]],
  },
  {
    bug: "publish: a batch in two commits",
    breaks: "publish",
    edits: [[
      PUBLISHER,
      "const batch = units.flatMap((unit) => unit.batch);",
      `let batch = units.flatMap((unit) => unit.batch);
      if (builds === 1 && batch.length > 1 && batch.every(({ key }) => !key)) {
        const rest = batch.slice(1);
        const draft = publicationDraft(rest, await this.#tailsOf(rest, left()), [], this.#options);
        await commitChange(store, draft.change, env, 1_000);
        batch = batch.slice(0, 1);
      }`,
    ]],
  },
  {
    bug: "the event is not in the guard's commit",
    breaks: "I1",
    edits: [[
      PUBLICATION,
      'import { Draft, putDue, putHead } from "./_draft.ts";',
      'import { commitChange } from "./_commit.ts";\nimport { Draft, putDue, putHead } from "./_draft.ts";',
    ], [
      PUBLICATION,
      "putHead(draft, { id, ...prepared }, at, keys, retention);",
      "{ const apart = new Draft(); putHead(apart, { id, ...prepared }, at, keys, retention); const head = apart.sets.pop(); draft.sums.entries().push(...apart.sums.entries()); for (const [key] of apart.sums.entries()) draft.sums.add(key); void commitChange(options.store, { checks: [], sums: [], deletes: [], sets: [head] }, env, 1_000); }",
    ]],
  },
  {
    bug: "publish forgets a target",
    breaks: "I2",
    edits: [[
      PUBLICATION,
      "for (const target of prepared.to) {",
      "for (const target of prepared.to.slice(0, 2)) {",
    ]],
  },
  {
    bug: "sums that double",
    breaks: "I6",
    edits: [[COMMIT, "asUintN(64, before + by)", "asUintN(64, before + (before || by))"]],
  },
  {
    bug: "the fast path attempts before the commit is known",
    breaks: "fast path",
    edits: [[
      PUBLISHER,
      "const outcome = await commitChange(store, change, env, left(), { failFast: true });",
      'for (const lease of leases.slice()) lessor.attempt(lease, "00000000000000000001");\n        const outcome = await commitChange(store, change, env, left(), { failFast: true });',
    ]],
  },
];

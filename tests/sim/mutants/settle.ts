import {
  altered,
  type Commit,
  inCommits,
  isKind,
  isSession,
  isSessionDue,
  isSessionEntry,
  type Mutant,
  sending,
  type SetMutation,
  valuesOf,
  without,
  withoutChecks,
} from "./mutant.ts";

const isDue = isKind("due", "set");
const isLog = isKind("delivery", "set");
const UNLEASED = { v: 1, until: 0, by: "", claims: 0 };
const REST = 31 * 24 * 60 * 60 * 1000;

/** Bugs in how outcomes are stored. */
export const inSettle: readonly Mutant[] = [
  { bug: "settle without checks", breaks: "I3", store: withoutChecks("settle") },
  {
    bug: "settle checks the first of a group only",
    breaks: "I3",
    store: withoutChecks("settle", (_, index) => index > 0),
  },
  {
    bug: "settle at the versionstamp that is there, not the lease's",
    breaks: "I3",
    store: sending("settle", async ({ checks, mutations }, send, store) => {
      const now = await store.getMany(checks.map(({ key }) => key).slice(0, 10));
      const current = checks.map((check, i) => ({
        key: check.key,
        versionstamp: now[i]?.versionstamp ?? check.versionstamp,
      }));
      return await send({ checks: current, mutations });
    }),
  },
  {
    bug: "settle in two commits: the due key first",
    breaks: "I2",
    store: sending("settle", async ({ checks, mutations }, send) => {
      if (!mutations.some(isLog)) return await send({ checks, mutations });
      const first = mutations.filter(({ what }) => what === "delete");
      const result = await send({ checks, mutations: first });
      const rest = mutations.filter(({ what }) => what !== "delete");
      return result.ok ? await send({ checks: [], mutations: rest }) : result;
    }),
  },
  {
    bug: "a settle whose check failed is written all the same",
    breaks: "I3",
    store: sending("settle", async (commit, send) => {
      const result = await send(commit);
      return result.ok ? result : await send({ ...commit, checks: [] });
    }),
  },
  {
    bug: "a delivered delivery keeps its due key",
    breaks: "I2",
    store: without("settle", ({ what, key }, commit) =>
      what === "delete" && key[1] === "due" &&
      valuesOf(commit, "delivery").some((log) =>
        log.value.state === "delivered" && log.key[3] === key[4]
      )),
  },
  {
    bug: "retry deletes the due key and sets no other",
    breaks: "I5",
    store: without(
      "settle",
      (mutation, { mutations }) => isDue(mutation) && mutations.some(isKind("due", "delete")),
    ),
  },
  {
    bug: "retry keeps its claims",
    breaks: "settle",
    store: inCommits("settle", (commit) => ({
      checks: commit.checks,
      mutations: commit.mutations.map((one) =>
        isDue(one) && commit.mutations.some(isLog)
          ? { ...one, value: { ...UNLEASED, claims: 3 } } as SetMutation
          : one
      ),
    })),
  },
  {
    bug: "dead without a dead key",
    breaks: "I2",
    store: without("settle", isKind("dead")),
  },
  {
    bug: "a due key without a lifetime",
    breaks: "rule 4",
    store: altered("settle", isDue, () => ({ expireIn: undefined })),
  },
  {
    bug: "a lifetime computed from a time",
    breaks: "rule 4",
    store: altered("settle", isLog, ({ expireIn, value }) => ({
      expireIn: expireIn! - value.attempts.length,
    })),
  },
  {
    bug: "a lease that comes back keeps its claims",
    breaks: "stop",
    store: inCommits("settle", (commit) => ({
      checks: commit.checks,
      mutations: commit.mutations.map((one) =>
        isDue(one) && isReturned(one as SetMutation, commit)
          ? { ...one, value: { ...UNLEASED, claims: (one as SetMutation).value.claims + 1 } }
          : one
      ),
    })),
  },
  {
    bug: "what turned its target off is dead, not held",
    breaks: "endpoint",
    store: inCommits("settle", (commit) => {
      const log = valuesOf(commit, "delivery").find(({ value: { state, attempts } }) =>
        state === "pending" && attempts.at(-1)?.verdict === "disable"
      );
      const [due] = valuesOf(commit, "due");
      if (log === undefined || due === undefined || commit.checks.length > 1) return commit;
      const { at: _, ...rest } = log.value;
      const [prefix, , target, id] = log.key;
      return {
        checks: commit.checks,
        mutations: [
          ...commit.mutations.filter((one) => one !== log && one !== due),
          { ...log, value: { ...rest, state: "dead" } },
          { what: "delete", key: due.key },
          {
            what: "set",
            key: [prefix!, "dead", target!, id!],
            value: { v: 1, at: 0, reason: "410" },
            expireIn: log.expireIn,
          },
        ],
      };
    }),
  },
  {
    bug: "the end of a session does not check its record",
    breaks: "I2",
    store: withoutChecks("settle", isSession),
  },
  {
    bug: "a dead delivery takes its session with it",
    breaks: "I2",
    store: without(
      "settle",
      (mutation, commit) =>
        isSessionDue(mutation.key) && isDue(mutation) && commit.mutations.some(isKind("dead")),
    ),
  },
  {
    bug: "a session goes on while its first waits to be tried again",
    breaks: "order",
    store: sending("settle", async ({ checks, mutations }, send, store) => {
      const due = mutations.find((one) => isDue(one) && isSessionDue(one.key)) as SetMutation;
      const log = mutations.find(isLog) as SetMutation | undefined;
      if (checks.length > 1 || !due || log?.value.state !== "pending") {
        return await send({ checks, mutations });
      }
      const [prefix, , target, at, , session] = due.key;
      const entries: SetMutation["key"][] = [];
      for await (const { key } of store.list({ prefix: [prefix!, "lane", target!, session!] })) {
        entries.push(key);
      }
      if (entries.length < 2) return await send({ checks, mutations });
      const own = [prefix!, "due", target!, at!, log.key[3]!];
      return await send({
        checks,
        mutations: [
          ...mutations,
          { what: "delete", key: entries[0]! },
          { what: "set", key: own, value: UNLEASED, expireIn: REST },
        ],
      });
    }),
  },
  {
    bug: "what was settled stays in its session",
    breaks: "I2",
    store: without("settle", ({ key }) => isSessionEntry(key)),
  },
  {
    bug: "the next of a session gets the lease of the one before",
    breaks: "I3",
    store: sending("settle", async ({ checks, mutations }, send, store) => {
      if (!mutations.some(({ key }) => isSessionEntry(key))) {
        return await send({ checks, mutations });
      }
      const [due] = await store.getMany([checks[0]!.key]);
      return await send({
        checks,
        mutations: mutations.map((one) =>
          isDue(one) && isSessionDue(one.key) ? { ...one, value: due!.value } : one
        ),
      });
    }),
  },
  {
    bug: "a session that grew is not settled anew",
    breaks: "I5",
    store: () => ({
      async getMany(keys, read) {
        const entries = await read();
        const alone = keys.length === 1 && isSessionDue(keys[0]!);
        return alone
          ? entries.map((entry) => ({ ...entry, versionstamp: null, value: null }))
          : entries;
      },
    }),
  },
  {
    bug: "a session's record has a lifetime",
    breaks: "rule 4",
    store: altered(["publish", "replay"], ({ key }) => isSession(key), () => ({ expireIn: 1e9 })),
  },
];

/** Whether a due key is given back as it was: it stays where it is, and nothing is logged for it. */
function isReturned({ key }: SetMutation, { checks, mutations }: Commit): boolean {
  const stays = checks.some((check) => check.key.join(" ") === key.join(" "));
  return stays && !mutations.some((one) => isLog(one) && one.key[3] === key[4]) &&
    !mutations.some((one) => isSessionEntry(one.key));
}

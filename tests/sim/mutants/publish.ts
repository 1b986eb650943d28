import { type StoreCommit, StoreError } from "../../../src/store/mod.ts";
import {
  altered,
  type Commit,
  inCommits,
  isKind,
  isSession,
  isSessionEntry,
  type Mutant,
  NO_VERSIONSTAMP,
  reading,
  type Send,
  sending,
  type StoreBug,
  valuesOf,
  without,
  withoutChecks,
} from "./mutant.ts";

const DAY = 24 * 60 * 60 * 1000;
const isEvent = isKind("event", "set");

/** Bugs in how events are stored. */
export const inPublish: readonly Mutant[] = [
  {
    bug: "publish without its guard",
    breaks: "rule 1",
    store: withoutChecks("publish", (key) => key[1] === "event"),
  },
  {
    bug: "publish without the check of its idempotency key",
    breaks: "publish",
    store: withoutChecks("publish", (key) => key[1] === "seen"),
  },
  {
    bug: "chunks live as long as heads",
    breaks: "rule 4",
    store: altered("chunk", isKind("chunk"), ({ expireIn }) => ({ expireIn: expireIn! - DAY })),
  },
  {
    bug: "the head is stored while its chunks are on their way",
    breaks: "chunks",
    store: sending("chunk", early),
  },
  {
    bug: "receipts and attempts before the commit is known",
    breaks: "I1",
    store: sending("publish", early),
  },
  {
    bug: "publish: thrown counts as not stored",
    breaks: "rule 1",
    store: sending("publish", (commit, send) =>
      send(commit).catch((cause) => {
        throw new StoreError("the disk is full", "full", { cause });
      })),
  },
  {
    bug: "publish: ok: false counts as stored",
    breaks: "publish",
    store: sending("publish", async (commit, send) => {
      const result = await send(commit);
      return result.ok ? result : STORED;
    }),
  },
  {
    bug: "publish: its own event counts as another's after ok: false",
    breaks: "publish",
    store: reading((key) => key[1] === "event", (head) => ({ ...head, token: "another" })),
  },
  {
    bug: "publish: another's event counts as its own after ok: false",
    breaks: "publish",
    store: () => remembering("event", "token"),
  },
  {
    bug: "publish: a conflict counts as a duplicate",
    breaks: "publish",
    store: () => remembering("seen", "hash"),
  },
  {
    bug: "publish: a batch in two commits",
    breaks: "publish",
    store: sending("publish", async (commit, send) => {
      const ids = valuesOf(commit, "event").map(({ key }) => key[2]);
      if (ids.length < 2 || commit.mutations.some(({ key }) => key[1] === "lane")) {
        return await send(commit);
      }
      const isLast = ({ key }: { readonly key: readonly unknown[] }): boolean =>
        key.includes(ids.at(-1)) || key[1] === "seen";
      const { checks, mutations } = commit;
      const first = mutations.filter((mutation) => !isLast(mutation));
      const result = await send({ checks, mutations: first });
      if (!result.ok) return result;
      return await send({ checks: [], mutations: mutations.filter(isLast) });
    }),
  },
  {
    bug: "the event is not in the guard's commit",
    breaks: "I1",
    store: sending("publish", async (commit, send) => {
      const apart = commit.mutations.filter(isEvent);
      const result = await send({
        checks: commit.checks,
        mutations: commit.mutations.filter((mutation) => !isEvent(mutation)),
      });
      if (result.ok) await send({ checks: [], mutations: apart });
      return result;
    }),
  },
  {
    bug: "publish forgets a target",
    breaks: "I2",
    store: without("publish", ({ key }, commit) => {
      if (key[1] !== "due" || key.length !== 5) return false;
      const all = valuesOf(commit, "due").filter((one) => one.key[4] === key[4]);
      return all.length > 2 && all.at(-1)!.key === key;
    }),
  },
  {
    bug: "sums that double",
    breaks: "I6",
    store: inCommits("publish", ({ checks, mutations }) => ({
      checks,
      mutations: mutations.map((one) =>
        one.what === "sum" && one.by > 1n ? { ...one, by: 2n * one.by } : one
      ),
    })),
  },
  {
    bug: "a commit without a result is sent again without its checks",
    breaks: "rule 1",
    store: () => {
      const failed = new Set<string>();
      return {
        async commit(commit, send) {
          const name = JSON.stringify(commit.checks);
          if (commit.checks.length === 0) return await send(commit);
          try {
            return await send(failed.has(name) ? { ...commit, checks: [] } : commit);
          } catch (error) {
            failed.add(name);
            throw error;
          }
        },
      };
    },
  },
  {
    bug: "publish does not check a session's record",
    breaks: "rule 1",
    store: withoutChecks("publish", isSession),
  },
  {
    bug: "two of a session get one number",
    breaks: "sessions",
    store: inCommits("publish", ({ checks, mutations }) => {
      const first = new Map<string, number>();
      return {
        checks,
        mutations: mutations.map((one) => {
          if (!isSessionEntry(one.key)) return one;
          const session = one.key.slice(0, 4);
          const n = first.get(session.join(" ")) ?? Number(one.key[4]);
          first.set(session.join(" "), n);
          return { ...one, key: [...session, n] };
        }),
      };
    }),
  },
  {
    bug: "every delivery of a session gets a due key",
    breaks: "I2, I7",
    store: inCommits("publish", (commit) => ({
      checks: commit.checks,
      mutations: [
        ...commit.mutations,
        ...commit.mutations.filter(({ key }) => isSessionEntry(key)).map(({ key }) => {
          const [prefix, , target, session] = key;
          const at = valuesOf(commit, "event")[0]!.value.at as number;
          const value = { v: 1, until: 0, by: "", claims: 0 };
          return {
            what: "set",
            key: [prefix!, "due", target!, at, "lane", session!],
            value,
          } as const;
        }),
      ],
    })),
  },
  {
    bug: "of two deliveries that begin a session, the second is forgotten",
    breaks: "I2",
    markers: { "session-has-more": "false" },
  },
];

const STORED: StoreCommit = { ok: true, versionstamp: NO_VERSIONSTAMP };

/** Returns before the commit is sent. */
function early(commit: Commit, send: Send): Promise<StoreCommit> {
  void send(commit).catch(() => {});
  return Promise.resolve(STORED);
}

/** Reads under a key what this process wanted to store there, in one field. */
function remembering(kind: string, field: string): StoreBug {
  const wanted = new Map<string, unknown>();
  const { getMany, list } = reading(
    (key) => key[1] === kind && wanted.has(key.join(" ")),
    (value, key) => ({ ...value, [field]: wanted.get(key.join(" ")) }),
  )();
  return {
    getMany: getMany!,
    list: list!,
    commit(commit, send) {
      for (const { key, value } of valuesOf(commit, kind)) wanted.set(key.join(" "), value[field]);
      return send(commit);
    },
  };
}

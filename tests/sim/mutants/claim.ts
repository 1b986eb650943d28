import type { StoreEntry } from "../../../src/store/mod.ts";
import {
  altered,
  isKind,
  isSession,
  isSessionDue,
  type Mutant,
  reading,
  sending,
  type SetMutation,
  withoutChecks,
} from "./mutant.ts";

const isDue = isKind("due", "set");
/** By how much a lease outlasts its attempt, in milliseconds. */
const MARGIN = 20_000;

/** Bugs in how deliveries are claimed and attempted. */
export const inClaim: readonly Mutant[] = [
  { bug: "claim without checks", breaks: "rule 1", store: withoutChecks("claim") },
  {
    bug: "claim checks the first key of a window only",
    breaks: "claim",
    store: withoutChecks("claim", (_, index) => index > 0),
  },
  {
    bug: "adopts a lease after ok: false",
    breaks: "claim",
    store: sending("claim", async (commit, send, store) => {
      const result = await send(commit);
      if (result.ok) return result;
      const [now] = await store.getMany([commit.checks[0]!.key]);
      return now!.versionstamp === null ? result : { ok: true, versionstamp: now!.versionstamp };
    }),
  },
  {
    bug: "a lease that has ended when it begins",
    breaks: "claim",
    store: altered("claim", isDue, ({ value }) => ({ value: { ...value, until: 1 } })),
  },
  {
    bug: "a lease without its margin",
    breaks: "claim",
    store: altered(["claim", "publish"], isDue, ({ value }: SetMutation) => ({
      value: value.by === "" ? value : { ...value, until: value.until - MARGIN },
    })),
  },
  {
    bug: "takes leased keys",
    breaks: "claim",
    store: reading((key) => key[1] === "due", (due) => ({ ...due, until: 0 })),
  },
  {
    bug: "claims are not counted",
    breaks: "claim",
    store: altered("claim", isDue, ({ value }) => ({
      value: { ...value, claims: value.claims - 1 },
    })),
  },
  {
    bug: "the same name for every lease",
    breaks: "rule 3",
    store: altered("claim", isDue, ({ value }) => ({ value: { ...value, by: "me" } })),
  },
  {
    bug: "gives up after one lost lease",
    breaks: "claim",
    markers: { "most-claims": "1" },
  },
  {
    bug: "what a newer version wrote is claimed",
    breaks: "version",
    store: reading((key) => key[1] === "due", (due) => ({ ...due, v: 1 })),
  },
  {
    bug: "an attempt starts however little is left of its lease",
    breaks: "claim",
    markers: { "lease-time-left": "false" },
  },
  {
    bug: "an event gets a new id at each attempt",
    breaks: "I4",
    store: reading((key) => key[1] === "event", (head) => ({
      ...head,
      ...(head.event ? { event: { ...head.event, id: crypto.randomUUID() } } : {}),
    })),
  },
  {
    bug: "it is attempted twice under one lease",
    breaks: "I5",
    target: (target) => ({
      ...target,
      async attempt(event, context) {
        if (context.attempt > 1) await target.attempt(event, context);
        return await target.attempt(event, context);
      },
    }),
  },
  {
    bug: "a failed read counts as an event that is gone",
    breaks: "settle",
    store: () => ({
      getMany: (keys, read) =>
        read().catch((error) => {
          if (keys[0]?.[1] !== "event") throw error;
          return keys.map((key) => ({ key, value: null, versionstamp: null }));
        }),
    }),
  },
  {
    bug: "a session is attempted from its end",
    breaks: "order",
    store: () => ({
      list: (list, selector, options) => {
        const reverse = "prefix" in selector && selector.prefix[1] === "lane" &&
          options?.limit === 2;
        return list(selector, reverse ? { ...options, reverse } : options);
      },
    }),
  },
  {
    bug: "a session's record is read after its deliveries",
    breaks: "sessions",
    store: () => {
      const early = new Map<string, readonly StoreEntry[]>();
      return {
        async getMany(keys, read, list) {
          const [key] = keys;
          if (keys.length === 1 && isSession(key!)) {
            early.set(key!.join(" "), await list({ prefix: key! }, { limit: 2 }));
          }
          return await read();
        },
        async list(list, selector, options) {
          const name = "prefix" in selector ? selector.prefix.join(" ") : "";
          const entries = options?.limit === 2 ? early.get(name) : undefined;
          early.delete(name);
          return entries ?? await list(selector, options);
        },
      };
    },
  },
  {
    bug: "a session's due key gets a lifetime",
    breaks: "rule 4",
    store: altered("claim", ({ key }) => isSessionDue(key), () => ({ expireIn: 86_400_000 })),
  },
];

import type { WireEvent } from "../../../src/core/mod.ts";
import type { StoreEntry } from "../../../src/store/mod.ts";
import {
  altered,
  type Commit,
  inCommits,
  isKind,
  type Mutant,
  reading,
  sending,
  type SetMutation,
  valuesOf,
  withoutChecks,
} from "./mutant.ts";

const isRecord = isKind("endpoint", "set");
const isRecordKey = (key: readonly unknown[]): boolean => key[1] === "endpoint";

/** Bugs in how targets are turned off and on, and in the outbox's own events. */
export const inTargets: readonly Mutant[] = [
  {
    bug: "an attempt does not ask whether its target is off",
    breaks: "off",
    markers: { "target-is-on": "skip" },
  },
  {
    bug: "a record is believed until this process writes it",
    breaks: "off",
    store: () => {
      const known = new Map<string, readonly StoreEntry[]>();
      return {
        async getMany(keys, read) {
          if (keys.length !== 1 || !isRecordKey(keys[0]!)) return await read();
          const name = keys[0]!.join(" ");
          const entries = known.get(name) ?? await read();
          known.set(name, entries);
          return entries;
        },
        commit(commit, send) {
          for (const { key } of valuesOf(commit, "endpoint")) known.delete(key.join(" "));
          return send(commit);
        },
      };
    },
  },
  {
    bug: "a pause is ignored",
    breaks: "pauses",
    store: reading(isRecordKey, ({ pausedUntil: _, ...record }) => record),
  },
  {
    bug: "a record is written without a check",
    breaks: "rule 1",
    store: withoutChecks("endpoint", isRecordKey),
  },
  {
    bug: "off because of failures holds for every address",
    breaks: "endpoint",
    store: altered("endpoint", isRecord, ({ value: { address: _, ...value } }) => ({ value })),
  },
  {
    bug: "off after enough failures, however soon",
    breaks: "endpoint",
    options: { disableAfter: 1 },
  },
  {
    bug: "off after one failure",
    breaks: "endpoint",
    markers: { "least-failures": "1" },
  },
  {
    bug: "a success is not noted",
    breaks: "endpoint",
    store: sending("endpoint", async (commit, send, store) => {
      const [written] = valuesOf(commit, "endpoint");
      const [now] = await store.getMany([written!.key]);
      const { state, failures, address } = written!.value;
      const isSuccess = state === "on" && failures === 0 && address !== undefined;
      return isSuccess && now!.versionstamp !== null
        ? { ok: true, versionstamp: now!.versionstamp }
        : await send(commit);
    }),
  },
  {
    bug: "enable leaves it off",
    breaks: "enable",
    store: sending("endpoint", async ({ checks, mutations }, send, store) => {
      const [written] = valuesOf({ checks, mutations }, "endpoint");
      const [now] = await store.getMany([written!.key]);
      const old = now!.value as { readonly state?: string } | null;
      const enables = written!.value.address === undefined && written!.value.state === "on" &&
        old?.state === "off";
      return await send({
        checks,
        mutations: mutations.map((one) =>
          enables && isRecord(one) ? { ...one, value: { ...old, failures: 0 } } : one
        ),
      });
    }),
  },
  {
    bug: "a removed target counts as off",
    breaks: "removal",
    store: reading(
      isRecordKey,
      (record) => record.state === "deleted" ? { ...record, state: "off" } : record,
    ),
  },
  {
    bug: "a purge leaves sessions",
    breaks: "removal",
    store: () => ({
      list: (list, selector, options) => {
        const isPurge = "prefix" in selector && selector.prefix[1] === "lane" &&
          (options?.limit ?? 0) > 2;
        return isPurge ? Promise.resolve([]) : list(selector, options);
      },
    }),
  },
  {
    bug: "failures are written twice",
    breaks: "endpoint",
    store: altered("endpoint", isRecord, ({ value }) => ({
      value: value.address === undefined ? value : { ...value, failures: 2 * value.failures },
    })),
  },
  {
    bug: "a dead letter is not announced",
    breaks: "own events",
    store: inCommits("settle", (commit) => split(commit, "delivery.dead").rest),
  },
  {
    bug: "a dead letter is announced in a commit of its own",
    breaks: "own events",
    store: sending("settle", async (commit, send) => {
      const { rest, own } = split(commit, "delivery.dead");
      const result = await send(rest);
      if (result.ok && own.mutations.length > 0) await send(own);
      return result;
    }),
  },
  {
    bug: "webhook.disabled is not emitted",
    breaks: "own events",
    store: inCommits("endpoint", (commit) => split(commit, "webhook.disabled").rest),
  },
  {
    bug: "webhook.disabled is emitted whenever a record is written",
    breaks: "own events",
    markers: { "is-turned-off": "true" },
  },
  {
    bug: "an event of the outbox causes another",
    breaks: "own events",
    markers: { "causes-none": "skip" },
  },
  {
    bug: "an event of the outbox goes to the target that it is about",
    breaks: "own events",
    store: inCommits(["settle", "endpoint"], (commit) => {
      const event = ownEvent(commit);
      if (event === undefined) return commit;
      const { target } = event.value.event.data;
      const to = [...event.value.to, target];
      const [prefix, , id] = event.key;
      const due = [prefix!, "due", target, event.value.at, id!];
      return {
        checks: commit.checks,
        mutations: [
          ...commit.mutations.filter((one) => one !== event),
          { ...event, value: { ...event.value, to } },
          {
            what: "set",
            key: due,
            value: { v: 1, until: 0, by: "", claims: 0 },
            expireIn: event.expireIn! + 24 * 60 * 60 * 1000,
          },
        ],
      };
    }),
  },
  {
    bug: "an event of the outbox is announced before it is stored",
    breaks: "own events",
    store: sending(["settle", "endpoint"], (commit, send) => {
      if (ownEvent(commit) === undefined) return send(commit);
      void send(commit).catch(() => {});
      return Promise.resolve({ ok: true, versionstamp: "00000000000000000000" });
    }),
  },
  {
    bug: "an event of the outbox is stored without a subscriber and without an event log",
    breaks: "own events",
    options: { eventLog: true },
  },
];

function ownEvent(commit: Commit): SetMutation | undefined {
  return valuesOf(commit, "event").find(({ value }) =>
    /^(webhook|delivery)\./.test((value.event as WireEvent | undefined)?.type ?? "")
  );
}

/** A commit without the outbox's own event of a type, and what stores that. */
function split(
  commit: Commit,
  type: string,
): { readonly rest: Commit; readonly own: Commit } {
  const id = valuesOf(commit, "event").find(({ value }) => value.event?.type === type)?.key[2];
  const isOwn = ({ key, what }: Commit["mutations"][number]): boolean =>
    id !== undefined && ((key[1] === "event" && key[2] === id) ||
      (key[1] === "due" && key[4] === id) || (what === "sum" && key[4] === "accepted"));
  const { checks, mutations } = commit;
  return {
    rest: { checks, mutations: mutations.filter((one) => !isOwn(one)) },
    own: { checks: [], mutations: mutations.filter(isOwn) },
  };
}

import type { StoreEntry, StoreKey, StoreSelector } from "../../../src/store/mod.ts";
import type { WebhookRecord } from "../../../src/webhook_store/record.ts";
import type { Mutation } from "../faulty_store.ts";
import { type Commit, reading, type StoreBug } from "./mutant.ts";

/** A bug that is planted in how webhooks are stored and followed. */
type WebhookMutant = {
  readonly bug: string;
  /** Changes what one process sends to its store, or gets from it. Called once per process. */
  readonly store: () => StoreBug;
};

const isWebhook = (key: StoreKey): boolean => key[1] === "webhook";
const isNote = (key: StoreKey, note: string): boolean => key[1] === "webhooks" && key[2] === note;

/** Bugs of webhooks that the schedules find. */
export const webhookMutants: readonly WebhookMutant[] = [
  {
    bug: "a purge that was interrupted is not taken up again",
    store: () => ({
      list: (list, selector, options) =>
        isNote(startOf(selector), "removed") ? Promise.resolve([]) : list(selector, options),
    }),
  },
  {
    bug: "a change is not counted, so that others miss it",
    store: withoutMutations(({ what, key }) => what === "sum" && isNote(key, "revision")),
  },
  {
    bug: "a target that is turned off is not counted, so that others believe that it is on",
    store: withoutMutations(({ what, key }) => what === "sum" && key[1] === "endpoints"),
  },
  {
    bug: "a create whose response was lost is refused",
    store: reading(isWebhook, ({ write: _, ...record }) => record),
  },
  {
    bug: "an old URL is used after a change by another process",
    store: listing((_, first) => first),
  },
  {
    bug: "an old secret signs after a rotation by another process",
    store: listing((record, { secrets }) => ({ ...record, secrets })),
  },
  {
    bug: "the name of a deleted webhook can be used again",
    store: () => ({
      async getMany(keys, read) {
        const entries = await read();
        if (!keys.some((key) => isNote(key, "used")) || keys.length === 1) return entries;
        return entries.map((entry) =>
          isNote(entry.key, "used") || entry.key[1] === "endpoint"
            ? { ...entry, versionstamp: null, value: null }
            : entry
        );
      },
      commit: ({ checks, mutations }, send) =>
        send({ checks: isCreate(mutations) ? checks.slice(0, 1) : checks, mutations }),
    }),
  },
  {
    bug: "a change overwrites another that came meanwhile",
    store: () => ({
      commit: ({ checks, mutations }, send) => {
        const isUpdate = !isCreate(mutations) && mutations.some(isRecord);
        return send({ checks: isUpdate ? [] : checks, mutations });
      },
    }),
  },
  {
    bug: "a deletion is not counted",
    store: withoutMutations(({ what, key }, { mutations }) =>
      what === "sum" && isNote(key, "count") && !isCreate(mutations)
    ),
  },
];

function isRecord({ what, key }: Mutation): boolean {
  return what === "set" && isWebhook(key);
}

function isCreate(mutations: readonly Mutation[]): boolean {
  return mutations.some((one) =>
    isRecord(one) && (one as { readonly value: WebhookRecord }).value.revision === 1
  );
}

function startOf(selector: StoreSelector): StoreKey {
  return "prefix" in selector ? selector.prefix : selector.start;
}

/** A store that drops some mutations. */
function withoutMutations(
  isDropped: (mutation: Mutation, commit: Commit) => boolean,
): () => StoreBug {
  return () => ({
    commit: (commit, send) =>
      send({
        checks: commit.checks,
        mutations: commit.mutations.filter((one) => !isDropped(one, commit)),
      }),
  });
}

/** A store that lists webhooks with something of what it listed first. */
function listing(
  change: (record: WebhookRecord, first: WebhookRecord) => WebhookRecord,
): () => StoreBug {
  return () => {
    const seen = new Map<string, WebhookRecord>();
    return {
      async list(list, selector, options) {
        const entries = await list(selector, options);
        if (!isWebhook(startOf(selector))) return entries;
        return entries.map((entry) => {
          const name = entry.key.join(" ");
          const record = entry.value as WebhookRecord;
          const first = seen.get(name) ?? record;
          seen.set(name, first);
          return { ...entry, value: change(record, first) } as StoreEntry;
        });
      },
    };
  };
}

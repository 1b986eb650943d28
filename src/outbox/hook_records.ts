import type { QueueRecord, QueueRecords, RecordKey } from "../core/mod.ts";
import type { StoreEntry } from "../store/mod.ts";
import { CommitBuilder } from "./commit.ts";
import { putRecord } from "./put_publication.ts";
import { OutboxUnavailableError } from "./errors.ts";
import { after, endOf, type StoreClient } from "./store_client.ts";
import { COMMIT_TIMEOUT } from "./timeouts.ts";

/** Returns the records that the hooks keep next to their events: see `QueueRecords`. */
export function hookRecords(client: StoreClient): Omit<QueueRecords, "event"> {
  const { keys } = client;
  return {
    async get(names) {
      const entries = await client.get(names.map((name) => keys.record(...name)));
      return entries.map(recordOf);
    },
    async list(below, { limit, before }) {
      const all = keys.record(...below);
      const end = before === undefined ? endOf(all) : keys.record(...below, before);
      const entries = await client.list({ start: after(all), end }, { limit, reverse: true });
      return entries.map(recordOf);
    },
    async put(write) {
      const builder = new CommitBuilder();
      putRecord(builder, write, client);
      const outcome = await client.commit(builder.commit, COMMIT_TIMEOUT, { failFast: true });
      if (outcome.ok === "unknown") throw new OutboxUnavailableError(outcome.stored, outcome.cause);
      return outcome.ok;
    },
  };
}

/** Returns a record without the prefix of its key. */
function recordOf({ key, value, versionstamp }: StoreEntry): QueueRecord {
  return { key: key.slice(2) as RecordKey, value, versionstamp };
}

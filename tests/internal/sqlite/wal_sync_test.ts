/**
 * What a loss of power leaves is what the last finished sync had: the database and its log are copied
 * when a sync begins, and a commit that is confirmed must be in the copy of a finished one.
 * @module
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import { defineStore } from "../../../src/store/mod.ts";
import { openDatabase } from "../../../src/stores/sqlite/database.ts";
import { openStore } from "../../../src/stores/sqlite/mod.ts";
import { prepareSchema } from "../../../src/stores/sqlite/schema.ts";
import { SqliteBackend } from "../../../src/stores/sqlite/sqlite_backend.ts";
import { WalSync } from "../../../src/stores/sqlite/wal_sync.ts";
import { test } from "../../support/harness.ts";
import { inFolder } from "../../support/folder.ts";

const WRITERS = 16;
const WRITES = 12;
/** A sync takes up to this, in milliseconds, so that commits are made while one runs. */
const SLOW = 8;

test('with durability "async", a confirmed commit survives a loss of power', () =>
  inFolder(async (folder) => {
    const path = `${folder}/hooks.sqlite`;
    const disk = new Disk(path);
    const store = openOn(path, disk);
    let lost = 0;
    const confirm = async (key: string) => {
      await store.set([key], key);
      const copy = await openStore(disk.synced(`${folder}/copy-${key}.sqlite`));
      if ((await copy.get([key])).value !== key) lost++;
      copy.close();
    };
    await Promise.all(Array.from({ length: WRITERS }, async (_, writer) => {
      for (let i = 0; i < WRITES; i++) {
        await confirm(`${writer}-${i}`);
        await new Promise((resolve) => setTimeout(resolve, SLOW * Math.random()));
      }
    }));
    store.close();
    assert.equal(lost, 0);
    assert.ok(disk.syncs > 10 && disk.syncs < WRITERS * WRITES, `${disk.syncs} syncs`);
  }));

test('with durability "async", no commit is confirmed once a sync failed', () =>
  inFolder(async (folder) => {
    const path = `${folder}/hooks.sqlite`;
    const disk = new Disk(path);
    const store = openOn(path, disk);
    await store.set(["a"], 1);
    disk.failure = new Error("EIO: i/o error, fdatasync");
    await assert.rejects(store.set(["b"], 1), { name: "StoreError", stored: "unknown" });
    disk.failure = undefined;
    await assert.rejects(store.set(["c"], 1), { name: "StoreError" }, "the disk may hold anything");
    store.close();
  }));

/** Copies the files when a sync begins, and keeps the copy of the last that finished. */
class Disk {
  readonly #path: string;
  #synced: ReadonlyMap<string, Uint8Array> = new Map();
  failure: Error | undefined;
  syncs = 0;

  constructor(path: string) {
    this.#path = path;
  }

  readonly openSync = fs.openSync;
  readonly fdatasyncSync = fs.fdatasyncSync;
  readonly closeSync = fs.closeSync;

  readonly fdatasync = (file: number, callback: (error: Error | null) => void): void => {
    this.syncs++;
    const files = ["", "-wal"].map((end) => [end, fs.readFileSync(this.#path + end)] as const);
    const finish = (error: Error | null) => {
      if (!this.failure) this.#synced = new Map(files);
      callback(this.failure ?? error);
    };
    fs.fdatasync(file, (error) => void setTimeout(finish, SLOW * Math.random(), error));
  };

  /** Writes what the last finished sync had to another path. */
  synced(path: string): string {
    for (const [end, bytes] of this.#synced) fs.writeFileSync(path + end, bytes);
    return path;
  }
}

function openOn(path: string, disk: Disk) {
  const database = openDatabase(path);
  prepareSchema(database);
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
  database.exec("BEGIN IMMEDIATE; UPDATE meta SET stamp = stamp; COMMIT");
  return defineStore(new SqliteBackend(database, new WalSync(path, disk)));
}

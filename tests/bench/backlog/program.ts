/**
 * What the rows with a million waiting deliveries run, each time in a fresh process: an action and its
 * stores, which are files or URLs. It prints what it found as JSON.
 *
 * @module
 */
import { pairedRatio } from "../sampler.ts";
import { fill } from "./fill.ts";
import { delaysBeside, type Sickness } from "./healthy.ts";
import { connect, openStore } from "./open_store.ts";
import { openConsumer } from "./consumer.ts";

/** Samples of a process whose memory is looked at. */
const SAMPLES = 20;
const MIB = 1024 * 1024;
const MINUTE = 60_000;

const actions: Readonly<Record<string, (...args: string[]) => Promise<unknown>>> = {
  /** Puts so many deliveries into a store. */
  async fill(file, count) {
    const store = await openStore(file!);
    await fill(store, Number(count));
    store.close();
  },

  /** What a delivery costs with one store, as a multiple of what it costs with another. */
  async claim(ours, theirs) {
    const consumers = [await openConsumer(ours!), await openConsumer(theirs!)] as const;
    const ratio = await pairedRatio(consumers[0].sample, consumers[1].sample, { warmUp: 4 });
    for (const consumer of consumers) await consumer.close();
    return ratio;
  },

  /** The same, after a transaction that sees the database as it was has been open there for a minute. */
  async claimBesideTransaction(ours, theirs) {
    const pool = await connect(ours!);
    const transaction = await pool.connect();
    await transaction.query("begin isolation level repeatable read");
    await transaction.query("select count(*) from pg_class"); // takes the snapshot
    const consumers = [await openConsumer(ours!), await openConsumer(theirs!)] as const;
    const start = performance.now();
    while (performance.now() - start < MINUTE) await consumers[0].sample();
    const ratio = await pairedRatio(consumers[0].sample, consumers[1].sample, {
      pairs: 11,
      warmUp: 2,
    });
    await transaction.query("rollback");
    transaction.release();
    for (const consumer of consumers) await consumer.close();
    await pool.end();
    return ratio;
  },

  /** The most memory that a process takes which works on a file, in MiB. */
  async memory(file) {
    const consumer = await openConsumer(file!);
    let most = 0;
    for (let n = 0; n < SAMPLES; n++) {
      await consumer.sample();
      most = Math.max(most, Deno.memoryUsage().rss / MIB);
    }
    await consumer.close();
    return most;
  },

  /** The milliseconds until a store is open and has returned a read. */
  async open(file) {
    const start = performance.now();
    const store = await openStore(file!);
    await store.get(["hooks", "meta"]);
    const took = performance.now() - start;
    store.close();
    return took;
  },

  /** The delays of a healthy webhook's events, in milliseconds. */
  healthy: (file, sickness) => delaysBeside(sickness as Sickness, file!),
};

const [action = "", ...args] = Deno.args;
const found = await actions[action]!(...args);
console.log(JSON.stringify(found ?? null));

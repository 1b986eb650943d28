import { Queue, Worker } from "bullmq";
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import { Redis } from "ioredis";
import pg from "pg";
import { PgBoss } from "pg-boss";
import {
  CONCURRENCY,
  CONNECTIONS,
  type Contender,
  DATA,
  deliver,
  type Setup,
} from "./contender.ts";

/**
 * BullMQ. `maxRetriesPerRequest: null` is what https://docs.bullmq.io/guide/going-to-production asks of
 * workers, and its section on auto-removal `removeOnComplete`. One worker with a `concurrency` is what
 * https://docs.bullmq.io/guide/workers/concurrency recommends for jobs that wait for the network.
 */
export async function openBullMq({ redis, url, settled }: Setup): Promise<Contender> {
  const connection = new Redis({ host: "127.0.0.1", port: redis!, maxRetriesPerRequest: null });
  const options = { removeOnComplete: true, attempts: 5 };
  const waiting = new Queue("waiting", { connection });
  const queue = new Queue("bench", { connection });
  const worker = new Worker("bench", ({ data }) => deliver(url, data), {
    connection,
    concurrency: CONCURRENCY,
  });
  worker.on("completed", settled);
  await worker.waitUntilReady();
  return {
    name: "BullMQ",
    publish: () => waiting.add("event", DATA, options),
    send: () => queue.add("event", DATA, options),
    async close() {
      await worker.close();
      await queue.close();
      await waiting.close();
      connection.disconnect();
    },
  };
}

/**
 * graphile-worker. It has as many connections as the others. The local queue and the batched completion are
 * what https://worker.graphile.org/docs/performance measures its highest throughput with.
 */
export async function openGraphile({ postgres, url, settled }: Setup): Promise<Contender> {
  const pgPool = new pg.Pool({ connectionString: postgres, max: CONNECTIONS });
  // It warns without these: https://err.red/wpeh
  pgPool.on("error", () => {});
  pgPool.on("connect", (client) => client.on("error", () => {}));
  const logger = new Logger(() => () => {}); // it logs each job otherwise
  const utils = await makeWorkerUtils({ pgPool, logger });
  await utils.migrate();
  const runner = await run({
    pgPool,
    concurrency: CONCURRENCY,
    noHandleSignals: true,
    logger,
    preset: {
      worker: {
        concurrentJobs: CONCURRENCY,
        localQueue: { size: 500 },
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
      },
    },
    taskList: { bench: (data) => deliver(url, data) },
  });
  runner.events.on("job:complete", settled);
  return {
    name: "graphile-worker",
    publish: () => utils.addJob("waiting", DATA), // a task that no worker has
    send: () => utils.addJob("bench", DATA),
    async close() {
      await runner.stop();
      await utils.release();
      await pgPool.end();
    },
  };
}

/** Workers of pg-boss, each of which fetches and completes its jobs in batches. */
const PG_BOSS_WORKERS = 4;

/**
 * pg-boss. Its polling alone would bound it: 128 events every half a second, the shortest interval. So it
 * has what https://timgit.github.io/pg-boss/api/workers and the options of `work()` offer against that:
 * `notify` (with `useListenNotify`) wakes a worker when a job is sent, and `burstWhenBatchFull` fetches on
 * while batches are full. `localConcurrency` workers with a `batchSize` each are as many jobs at once as
 * the other contenders have; several small batches wait less for their slowest job than a large one.
 */
export async function openPgBoss({ postgres, url, settled }: Setup): Promise<Contender> {
  const boss = new PgBoss({
    connectionString: postgres!,
    max: CONNECTIONS,
    useListenNotify: true,
  });
  boss.on("error", (error) => console.error(error));
  await boss.start();
  await boss.createQueue("waiting");
  await boss.createQueue("bench", { notify: true });
  const options = {
    batchSize: CONCURRENCY / PG_BOSS_WORKERS,
    localConcurrency: PG_BOSS_WORKERS,
    burstWhenBatchFull: true,
    pollingIntervalSeconds: 0.5,
  };
  await boss.work("bench", options, async (jobs) => {
    await Promise.all(jobs.map(async ({ data }) => {
      await deliver(url, data);
      settled();
    }));
  });
  return {
    name: "pg-boss",
    publish: () => boss.send("waiting", DATA),
    send: () => boss.send("bench", DATA),
    close: () => boss.stop({ graceful: false }),
  };
}

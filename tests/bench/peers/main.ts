/**
 * `deno task bench:peers`: our outbox against other queues, on the same machine, in one run. See `--help`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { findPostgres, startPostgres } from "../../support/postgres_server.ts";
import { describeMachine } from "../machine.ts";
import { spread } from "../sampler.ts";
import type { Contender, Setup } from "./contender.ts";
import { openOurs } from "./ours.ts";
import { openBullMq, openGraphile, openPgBoss } from "./peers.ts";
import { startReceiver, startRedis } from "./servers.ts";

const HELP = `Measures our outbox and other queues, per second, in interleaved samples of one run.

Usage: deno task bench:peers [options]

  --samples N   samples of each contender (default: 7)
  --events N    events per sample (default: 2000)
  --json FILE   also write the results to FILE
  --help        print this help

Starts Debian's redis-server and PostgreSQL itself, and leaves out what isn't installed.`;

/** Events that are being published at once, and those stored or in delivery end to end. */
const IN_FLIGHT = 128;
/** Samples that aren't counted. */
const WARM_UP = 2;

type Kind = "publish" | "end to end";
type Result = {
  readonly kind: Kind;
  readonly name: string;
  /** Events per second: the median, and the 10th and 90th percentile. */
  readonly value: number;
  readonly low: number;
  readonly high: number;
};

const options = parseOptions();
if (options === undefined || options.help) console.log(HELP);
if (options === undefined) Deno.exitCode = 2;
else if (!options.help) await main();

/** Returns the options of the command line; undefined, with a printed line, if one is wrong. */
function parseOptions() {
  try {
    const { values } = parseArgs({
      options: {
        samples: { type: "string", default: "7" },
        events: { type: "string", default: "2000" },
        json: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
    for (const name of ["samples", "events"] as const) {
      if (/^[1-9]\d*$/.test(values[name])) continue;
      throw new TypeError(`'--${name}' must be a whole number, got '${values[name]}'`);
    }
    return values;
  } catch (error) {
    console.log(`${(error as Error).message}\n`);
    return undefined;
  }
}

async function main(): Promise<void> {
  const machine = await describeMachine();
  console.log(`${machine.cpu}, ${machine.cores} cores, load ${machine.load.toFixed(2)}`);
  const folder = await Deno.makeTempDir({ prefix: "hooks_peers_" });
  const bin = await findPostgres("graphile-worker, pg-boss, and ours on PostgreSQL");
  const receiver = await startReceiver();
  const redis = await startRedis(folder);
  const postgres = bin === undefined ? undefined : await startPostgres(bin);
  const counter = { settled: 0, wake: () => {} };
  const setup: Setup = {
    url: receiver.url,
    folder,
    redis: redis?.port,
    postgres: postgres?.url,
    settled() {
      counter.settled++;
      counter.wake();
    },
  };
  const contenders: Contender[] = [];
  try {
    contenders.push(...await openOurs(setup));
    if (redis) contenders.push(await openBullMq(setup));
    if (postgres) contenders.push(await openGraphile(setup), await openPgBoss(setup));
    const results = [
      ...await measure("publish", contenders, counter),
      ...await measure("end to end", contenders, counter),
    ];
    if (options!.json) {
      await Deno.writeTextFile(options!.json, `${JSON.stringify({ machine, results }, null, 2)}\n`);
    }
  } finally {
    for (const contender of contenders) await contender.close();
    await postgres?.stop();
    await redis?.stop();
    await receiver.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

type Counter = { settled: number; wake: () => void };

/** Samples every contender in turn, so that a slow moment of the machine is slow for all. */
async function measure(
  kind: Kind,
  contenders: readonly Contender[],
  counter: Counter,
): Promise<readonly Result[]> {
  const rates = new Map(contenders.map(({ name }) => [name, [] as number[]]));
  for (let n = -WARM_UP; n < Number(options!.samples); n++) {
    for (const contender of contenders) {
      const rate = kind === "publish" ? await publish(contender) : await send(contender, counter);
      if (n >= 0) rates.get(contender.name)!.push(rate);
    }
  }
  const results = [...rates].map(([name, found]) => ({ kind, name, ...spread(found) }));
  const [best] = results;
  console.log(`\n${kind}, ${IN_FLIGHT} in flight`);
  for (const { name, value, low, high } of results) {
    const range = `${low.toFixed(0)}..${high.toFixed(0)}`;
    const ratio = `${(best!.value / value).toFixed(2)} x`;
    console.log(
      `  ${name.padEnd(20)}${value.toFixed(0).padStart(8)}/s${range.padStart(16)}${
        ratio.padStart(10)
      }`,
    );
  }
  console.log(`  (x: how many times as fast ${best!.name} is)`);
  return results;
}

/** Returns how many events are stored per second. */
async function publish(contender: Contender): Promise<number> {
  const events = Number(options!.events);
  let left = events;
  const start = performance.now();
  await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
    while (left-- > 0) await contender.publish();
  }));
  return 1000 * events / (performance.now() - start);
}

/** Returns how many events are stored, delivered and settled per second. */
async function send(contender: Contender, counter: Counter): Promise<number> {
  const events = Number(options!.events);
  counter.settled = 0;
  let sent = 0;
  let failure: unknown;
  const start = performance.now();
  while (counter.settled < events) {
    if (failure !== undefined) throw failure;
    const settled = new Promise<void>((resolve) => counter.wake = resolve);
    while (sent < events && sent - counter.settled < IN_FLIGHT) {
      sent++;
      contender.send().catch((error) => {
        failure = error;
        counter.wake();
      });
    }
    if (counter.settled < events) await settled;
  }
  return 1000 * events / (performance.now() - start);
}

/**
 * Emits a million events through an outbox, on Deno, Node and Bun, and checks that memory stays flat: the
 * work in flight is bounded, even if the store is slow. Fails on growth, and if an event was not delivered or
 * was delivered twice.
 * @module
 */
import { installPacked } from "./packed.ts";
import { checkArguments, root, runtimeModules } from "./run.ts";

const USAGE = `deno task soak:memory [--short] [--events N] [--runtime deno|node|bun]

  --short         30,000 events, and 10 checks a commit on Deno too: for the gate
  --events N      events that each runtime emits (default 1,000,000)
  --runtime NAME  run on this runtime only

64 callers emit as fast as they can into a database file. One webhook responds at once; another one
takes 200 ms, with 128 requests in flight, and receives one event in twenty. Fails if memory grows after the
first events (50,000, or a third if that is less), if more than 5,000 deliveries to the fast webhook wait,
or if a delivery is missing or made twice.`;

const LONG = { events: 1_000_000, checks: 100 };
const SHORT = { events: 30_000, checks: 10 };
/** Events before the first measurement: until then, the heap grows to its usual size. */
const WARM_UP = 50_000;
/** Bytes that RSS may grow afterwards, because garbage collectors run irregularly. */
const MOST_GROWTH = 80 * 1024 * 1024;
/** Deliveries to the webhook that responds at once that may be waiting. */
const MOST_WAITING = 5_000;

const runtimes = {
  deno: [Deno.execPath(), "run", "-A", "--quiet", "--config", `${root}/deno.json`],
  node: ["node"],
  bun: [`${runtimeModules}/.bin/bun`],
} as const;
type Runtime = keyof typeof runtimes;

type Sample = {
  readonly emitted: number;
  readonly seconds: number;
  readonly rss: number;
  readonly heapUsed: number;
  readonly waiting: { readonly fast: number; readonly slow: number };
};
type End = {
  readonly end: true;
  readonly failed: number;
  readonly pending: number;
  readonly attempts: number;
  readonly deliveries: number;
  readonly emittedIn: number;
  readonly closedIn: number;
};

const { short, events, chosen } = parse(Deno.args);
const { checks } = short ? SHORT : LONG;
let failed = false;
for (const runtime of chosen) {
  const folder = await Deno.makeTempDir({ prefix: "soak-memory-" });
  try {
    const faults = await soak(runtime, folder);
    for (const fault of faults) console.log(`FAILED ${fault}`);
    if (faults.length > 0) failed = true;
    else console.log("memory is flat, and everything was delivered once\n");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
if (failed) Deno.exitCode = 1;

function parse(args: readonly string[]) {
  let short = false;
  let events: number | undefined;
  let chosen = Object.keys(runtimes) as Runtime[];
  let isFine = true;
  for (let at = 0; at < args.length; at++) {
    if (args[at] === "--short") short = true;
    else if (args[at] === "--events") {
      events = Number(args[++at]);
      if (!Number.isInteger(events) || events < 100) isFine = false;
    } else if (args[at] === "--runtime" && args[at + 1]! in runtimes) {
      chosen = [args[++at] as Runtime];
    } else isFine = false;
  }
  checkArguments(USAGE, isFine);
  return { short, events: events ?? (short ? SHORT : LONG).events, chosen };
}

/** Runs the program and prints its samples. Resolves to its failures. */
async function soak(runtime: Runtime, folder: string): Promise<string[]> {
  let program = `${root}/tests/soak/memory.mjs`;
  if (runtime !== "deno") {
    await installPacked(folder);
    await Deno.copyFile(program, `${folder}/memory.mjs`);
    program = `${folder}/memory.mjs`;
  }
  const [command, ...args] = [...runtimes[runtime], program, `${events}`];
  const child = new Deno.Command(command!, {
    args: [...args, `${folder}/hooks.db`, `${checks}`],
    cwd: folder,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  console.log(`${runtime}: ${events} events`);
  console.log(" emitted      s  events/s   RSS MiB  heap MiB  fast waits  slow waits");
  const samples: Sample[] = [];
  let end: End | undefined;
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const said: Sample | End = JSON.parse(line);
      if ("end" in said) end = said;
      else print(said, samples.at(-1));
      if (!("end" in said)) samples.push(said);
    }
  }
  const { code } = await child.status;
  if (end === undefined) return [`${runtime} ended with code ${code} before it was done`];
  console.log(
    `emitted in ${(end.emittedIn / 1000).toFixed(1)} s; ${end.attempts} attempts for ` +
      `${end.deliveries} deliveries; closed in ${end.closedIn} ms`,
  );
  return faultsOf(samples, end);
}

function print({ emitted, seconds, rss, heapUsed, waiting }: Sample, last?: Sample): void {
  const rate = (emitted - (last?.emitted ?? 0)) / (seconds - (last?.seconds ?? 0));
  const columns = [
    String(emitted).padStart(8),
    seconds.toFixed(1).padStart(7),
    rate.toFixed(0).padStart(10),
    mib(rss).padStart(10),
    mib(heapUsed).padStart(10),
    String(waiting.fast).padStart(12),
    String(waiting.slow).padStart(12),
  ];
  console.log(columns.join(""));
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}

function faultsOf(samples: readonly Sample[], end: End): string[] {
  const warm = samples.findIndex(({ emitted }) => emitted >= Math.min(WARM_UP, events / 3));
  const before = Math.max(...samples.slice(0, warm + 1).map(({ rss }) => rss));
  const after = Math.max(...samples.slice(warm + 1).map(({ rss }) => rss));
  const waiting = Math.max(...samples.map(({ waiting }) => waiting.fast));
  const faults: string[] = [];
  if (after - before > MOST_GROWTH) {
    faults.push(`RSS grew from ${mib(before)} to ${mib(after)} MiB`);
  }
  if (waiting > MOST_WAITING) faults.push(`${waiting} deliveries to the fast webhook waited`);
  if (end.failed > 0) faults.push(`${end.failed} events were not accepted`);
  if (end.pending > 0) faults.push(`${end.pending} deliveries are pending at the end`);
  if (end.attempts !== end.deliveries) {
    faults.push(`${end.attempts} attempts were made for ${end.deliveries} deliveries`);
  }
  return faults;
}

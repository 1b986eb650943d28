import { type Measurement, pairedRatio, type Sample, spread } from "../sampler.ts";
import type { Fixture } from "../fixture.ts";
import { backlogProgram, FEW, MANY, type Run } from "./_backlog.ts";
import type { Budget, Row, Unit } from "./row.ts";

/** Processes whose memory is compared, and pairs of them that open a store. */
const PAIRS = { memory: 5, open: 21 };
/** Rounds per kind of failure. */
const ROUNDS = 9;

/** The cost of a million waiting deliveries, on a file of Deno KV. */
export const waitingRows: readonly Row[] = [
  row("claim and settle, 1,000,000 waiting", "1,000 waiting", "x", { atMost: 1.5 }, claim),
  row("RSS, 1,000,000 waiting", "more than with 1,000", "MiB", { atMost: 64 }, memory),
  row("opening a store, 1,000,000 waiting", "an empty one", "x", { atMost: 1.5 }, open),
  row(
    "p99 of a healthy webhook, alone",
    "from publish to attempt",
    "ms",
    undefined,
    (fixture) => delays(fixture).then(({ none }) => spread(none)),
  ),
  ...(["down", "saturated", "off"] as const).map((sickness) =>
    row(
      `p99 of a healthy webhook, another ${sickness} with 1,000,000 due`,
      "alone",
      "x",
      { atMost: 2 },
      (fixture) => beside(fixture, sickness),
    )
  ),
];

function row(
  name: string,
  against: string,
  unit: Unit,
  budget: Budget | undefined,
  outside: (fixture: Fixture) => Promise<Measurement>,
): Row {
  return { name, against, unit, ...(budget && { budget }), runtimes: ["deno"], outside };
}

/** The program and its files, made once. */
type Setup = {
  readonly many: string;
  readonly few: string;
  readonly empty: string;
  readonly run: Run;
};

const setups = new WeakMap<Fixture, Promise<Setup>>();

function setupOf(fixture: Fixture): Promise<Setup> {
  const known = setups.get(fixture) ?? makeSetup(fixture);
  setups.set(fixture, known);
  return known;
}

async function makeSetup(fixture: Fixture): Promise<Setup> {
  const run = await backlogProgram(fixture);
  const [many, few, empty] = ["many", "few", "empty"]
    .map((name) => `${fixture.folder}/${name}.db`) as [string, string, string];
  await run("fill", many, `${MANY}`);
  await run("fill", few, `${FEW}`);
  await run("fill", empty, "0");
  return { many, few, empty, run };
}

async function claim(fixture: Fixture): Promise<Measurement> {
  const { many, few, run } = await setupOf(fixture);
  return await run("claim", many, few) as Measurement;
}

async function memory(fixture: Fixture): Promise<Measurement> {
  const { many, few, run } = await setupOf(fixture);
  const more: number[] = [];
  for (let pair = 0; pair < PAIRS.memory; pair++) {
    const ours = await run("memory", many) as number;
    more.push(ours - (await run("memory", few) as number));
  }
  return spread(more);
}

async function open(fixture: Fixture): Promise<Measurement> {
  const { many, empty, run } = await setupOf(fixture);
  const sample = (file: string): Sample => async () => await run("open", file) as number;
  return await pairedRatio(sample(many), sample(empty), { pairs: PAIRS.open, warmUp: 2 });
}

type Delays = Readonly<Record<"none" | "down" | "saturated" | "off", readonly number[]>>;

const looks = new WeakMap<Fixture, Promise<Delays>>();

/** The 99th percentiles of the rounds; one look serves all rows, as they are printed beside each other. */
function delays(fixture: Fixture): Promise<Delays> {
  const known = looks.get(fixture) ?? look(fixture);
  looks.set(fixture, known);
  return known;
}

async function look(fixture: Fixture): Promise<Delays> {
  const { many, empty, run } = await setupOf(fixture);
  const found = { none: [], down: [], saturated: [], off: [] } as Record<keyof Delays, number[]>;
  const kinds = Object.keys(found) as (keyof Delays)[];
  for (let round = 0; round < ROUNDS; round++) {
    for (const kind of round % 2 === 0 ? kinds : kinds.toReversed()) {
      const delays = await run("healthy", kind === "none" ? empty : many, kind) as number[];
      const sorted = delays.toSorted((a, b) => a - b);
      found[kind].push(sorted[Math.floor(sorted.length * 0.99)]!);
    }
  }
  return found;
}

async function beside(fixture: Fixture, sickness: keyof Delays): Promise<Measurement> {
  const { none, [sickness]: other } = await delays(fixture);
  return spread(other.map((delay, round) => delay / none[round]!));
}

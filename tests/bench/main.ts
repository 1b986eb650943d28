/**
 * `deno task bench`: measures the budgets and prints a table. See `--help`.
 *
 * @module
 */
import { describeMachine } from "./machine.ts";
import { type Task, tasksOf } from "./measure.ts";
import { HELP, type Options, parseOptions } from "./options.ts";
import { rows } from "./rows/mod.ts";
import { judge, type Result, summarise, Table } from "./table.ts";
import { type Fixture, openFixture } from "./fixture.ts";

Deno.exitCode = await main(Deno.args);

/** Runs the command line. Resolves to the exit code. */
async function main(args: string[]): Promise<number> {
  let options: Options;
  let tasks: readonly Task[];
  try {
    options = parseOptions(args);
    tasks = choose(options);
  } catch (error) {
    print(`${(error as Error).message}\n\n${HELP}`);
    return 2;
  }
  if (options.help) print(HELP);
  else if (options.list) {
    new Set(tasks.map(({ row }) => `${row.name} / ${row.against}`)).forEach(print);
  } else return await bench(tasks, options);
  return 0;
}

/** Returns the selected measurements. @throws {TypeError} if none is selected */
function choose({ only, runtime }: Options): readonly Task[] {
  const tasks = rows.flatMap(tasksOf).filter(({ row, place }) =>
    (only?.some((text) => `${row.name} ${row.against}`.includes(text)) ?? true) &&
    (runtime?.includes(place) ?? true)
  );
  if (tasks.length === 0) {
    throw new TypeError("Cannot measure: no row matches '--only' and '--runtime', see '--list'");
  }
  return tasks;
}

/** Measures. Resolves to the exit code. */
async function bench(tasks: readonly Task[], { json, strict }: Options): Promise<number> {
  const machine = await describeMachine();
  const versions = Object.entries(machine.runtimes).map((entry) => entry.join(" ")).join(", ");
  print(`${machine.cpu}, ${machine.cores} cores, load ${machine.load.toFixed(2)}; ${versions}`);
  print(`${machine.date}\n`);

  const table = new Table(tasks.map((task) => task.row));
  const results: Result[] = [];
  const fixture = await openFixture();
  try {
    print(table.head);
    for (const task of tasks) {
      const result = await run(task, fixture);
      results.push(result);
      print(table.line(result));
    }
  } finally {
    await fixture.close();
  }

  print(summarise(results, table));
  if (json) await Deno.writeTextFile(json, `${JSON.stringify({ machine, results }, null, 2)}\n`);
  const ended = (verdict: string) => results.some((result) => result.verdict === verdict);
  return ended("failed") || (strict && ended("missed")) ? 1 : 0;
}

/** Measures one row on one runtime. A failure is a result too, and the others continue. */
async function run({ row, place, measure }: Task, fixture: Fixture): Promise<Result> {
  try {
    return judge(row, place, await measure(fixture));
  } catch (error) {
    return judge(row, place, error instanceof Error ? error : new Error(String(error)));
  }
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

import type { Runtime } from "../runtimes.ts";
import { type Measurement, pairedRatio, type Sample } from "../sampler.ts";
import type { Fixture } from "../fixture.ts";
import type { Row } from "./row.ts";

/** More than elsewhere: nothing here is noisier than the start of a process. */
const PAIRS = 41;

/** What `./hono` may cost beside Hono, in milliseconds. */
const ALLOWED = 5;

/** What a program pays at its start for naming a module: the whole time of a fresh process. */
export const importRows: readonly Row[] = [
  importRow(".", { deno: 1.25, bun: 1.6, node: 1.1 }),
  {
    // How much of it is the number of files, and how much is the code.
    name: "import of . as one file",
    against: "an empty module",
    outside: async (fixture, runtime) => {
      const entry = await fixture.write("one.mjs", `export * from "@omniagent/hooks";\n`);
      const one = await fixture.write("one.js", await fixture.bundle(entry));
      return await againstEmpty(fixture, runtime, one);
    },
  },
  importRow("./config"),
  {
    name: "import of ./config/yaml",
    against: "an empty module",
    outside: async (fixture, runtime) => {
      const { ours } = await fixture.importTargets(runtime, "./config/yaml");
      return await againstEmpty(fixture, runtime, ours);
    },
  },
  {
    name: "import of ./hono",
    against: "Hono itself, and 5 ms",
    budget: { atMost: 1 },
    outside: async (fixture, runtime) => {
      const { ours } = await fixture.importTargets(runtime, "./hono");
      const theirs = await processSample(
        fixture,
        runtime,
        "import_hono.mjs",
        "hono",
      );
      return await pairedRatio(
        await processSample(fixture, runtime, "import_ours.mjs", ours),
        async () => await theirs() + ALLOWED,
        { pairs: PAIRS, warmUp: 2 },
      );
    },
  },
];

function importRow(
  entry: "." | "./config",
  limits?: Readonly<Record<Runtime, number>>,
): Row {
  return {
    name: `import of ${entry}`,
    against: "an empty module",
    ...(limits && {
      budget: {
        deno: { atMost: limits.deno },
        bun: { atMost: limits.bun },
        node: { atMost: limits.node },
      },
    }),
    outside: async (fixture, runtime) =>
      await againstEmpty(fixture, runtime, (await fixture.importTargets(runtime, entry)).ours),
  };
}

async function againstEmpty(
  fixture: Fixture,
  runtime: Runtime,
  specifier: string,
): Promise<Measurement> {
  const { empty } = await fixture.importTargets(runtime, ".");
  return await pairedRatio(
    await processSample(fixture, runtime, "import_ours.mjs", specifier),
    await processSample(fixture, runtime, "import_empty.mjs", empty),
    { pairs: PAIRS, warmUp: 2 },
  );
}

async function processSample(
  fixture: Fixture,
  runtime: Runtime,
  file: string,
  specifier: string,
): Promise<Sample> {
  const program = await fixture.write(file, `import ${JSON.stringify(specifier)};\n`);
  return async () => {
    const start = performance.now();
    await fixture.run(runtime, program);
    return performance.now() - start;
  };
}

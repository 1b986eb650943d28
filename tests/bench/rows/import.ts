import type { Runtime } from "../runtimes.ts";
import { pairedRatio, type Sample } from "../sampler.ts";
import type { Workshop } from "../workshop.ts";
import type { Row } from "./row.ts";

/** More than elsewhere: nothing here is noisier than the start of a process. */
const PAIRS = 41;

/** What `./hono` may cost beside Hono, in milliseconds. */
const ALLOWED = 5;

/** What a program pays at its start for naming the module: the whole time of a fresh process. */
export const importRows: readonly Row[] = [{
  name: "import of .",
  against: "an empty module",
  budget: { atMost: 1.1 },
  outside: async (workshop, runtime) => {
    const { ours, empty } = await workshop.importTargets(runtime);
    return pairedRatio(
      await processSample(workshop, runtime, "import_ours.mjs", ours),
      await processSample(workshop, runtime, "import_empty.mjs", empty),
      { pairs: PAIRS, warmUp: 2 },
    );
  },
}, {
  name: "import of ./hono",
  against: "Hono itself, and 5 ms",
  budget: { atMost: 1 },
  runtimes: ["bun", "node"],
  outside: async (workshop, runtime) => {
    const { ours, hono } = await workshop.honoTargets();
    const theirs = await processSample(workshop, runtime, "import_hono.mjs", hono);
    return pairedRatio(
      await processSample(workshop, runtime, "import_ours_hono.mjs", ours),
      async () => await theirs() + ALLOWED,
      { pairs: PAIRS, warmUp: 2 },
    );
  },
}];

async function processSample(
  workshop: Workshop,
  runtime: Runtime,
  file: string,
  specifier: string,
): Promise<Sample> {
  const program = await workshop.write(file, `import ${JSON.stringify(specifier)};\n`);
  return async () => {
    const start = performance.now();
    await workshop.run(runtime, program);
    return performance.now() - start;
  };
}

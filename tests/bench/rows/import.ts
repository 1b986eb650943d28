import type { Runtime } from "../runtimes.ts";
import { pairedRatio, type Sample } from "../sampler.ts";
import type { Workshop } from "../workshop.ts";
import type { Row } from "./row.ts";

/** More than elsewhere: nothing here is noisier than the start of a process. */
const PAIRS = 41;

/** What a program pays at its start for naming a module: the whole time of a fresh process. */
export const importRows: readonly Row[] = [importRow(".", 1.1), importRow("./config", 1.4)];

function importRow(entry: "." | "./config", atMost: number): Row {
  return {
    name: `import of ${entry}`,
    against: "an empty module",
    budget: { atMost },
    outside: async (workshop, runtime) => {
      const { ours, empty } = await workshop.importTargets(runtime, entry);
      return pairedRatio(
        await processSample(workshop, runtime, "import_ours.mjs", ours),
        await processSample(workshop, runtime, "import_empty.mjs", empty),
        { pairs: PAIRS, warmUp: 2 },
      );
    },
  };
}

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

import { type Runtime, RUNTIMES } from "./runtimes.ts";
import type { InsideRow, Place, Row } from "./rows/row.ts";
import type { Measurement } from "./sampler.ts";
import type { Fixture } from "./fixture.ts";

/** A row on one runtime, to be measured. */
export interface Task {
  readonly row: Row;
  readonly place: Place;
  readonly measure: (fixture: Fixture) => Promise<Measurement>;
}

/** Returns the measurements of a row. */
export function tasksOf(row: Row): readonly Task[] {
  if ("once" in row) return [{ row, place: "any", measure: row.once }];
  return (row.runtimes ?? RUNTIMES).map((runtime) => ({
    row,
    place: runtime,
    measure: (fixture) =>
      "outside" in row ? row.outside(fixture, runtime) : inside(row, fixture, runtime),
  }));
}

/** Measures a row in its own process, with its server in this one. */
async function inside(row: InsideRow, fixture: Fixture, runtime: Runtime): Promise<Measurement> {
  const server = row.server && serve(row.server);
  try {
    const address = server ? `http://127.0.0.1:${server.addr.port}/` : "";
    const program = await fixture.program();
    return JSON.parse(await fixture.run(runtime, program, row.name, row.against, address));
  } finally {
    await server?.shutdown();
  }
}

function serve(handler: NonNullable<InsideRow["server"]>): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, handler);
}

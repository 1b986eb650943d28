import { findPostgres, startPostgres } from "../../support/postgres_server.ts";
import type { Measurement } from "../sampler.ts";
import type { Fixture } from "../fixture.ts";
import { backlogProgram, FEW, MANY, type Run } from "./_backlog.ts";
import type { Row } from "./row.ts";

/** The cost of a million waiting deliveries, on the other stores. */
export const waitingStoreRows: readonly Row[] = [
  row("SQLite", "1,000 waiting", onSqlite),
  row("PostgreSQL", "1,000 waiting", (fixture) => onPostgres(fixture, "claim")),
  row(
    "PostgreSQL",
    "1,000 waiting, and no transaction that has been open for a minute",
    (fixture) => onPostgres(fixture, "claimBesideTransaction"),
  ),
];

function row(
  store: string,
  against: string,
  outside: (fixture: Fixture) => Promise<Measurement>,
): Row {
  return {
    name: `claim and settle on ${store}, 1,000,000 waiting`,
    against,
    runtimes: ["deno"],
    budget: { atMost: 1.5 },
    outside,
  };
}

async function onSqlite(fixture: Fixture): Promise<Measurement> {
  const run = await backlogProgram(fixture);
  const places = [`${fixture.folder}/many.sqlite`, `${fixture.folder}/few.sqlite`] as const;
  return await measure(run, "claim", places);
}

/** Each of the two stores is a database of its own, so that a transaction in one is none of the other. */
async function onPostgres(fixture: Fixture, action: string): Promise<Measurement> {
  const run = await backlogProgram(fixture);
  const bin = await findPostgres("Rows on PostgreSQL");
  if (bin === undefined) throw new Error("PostgreSQL is not installed");
  const server = await startPostgres(bin);
  try {
    await server.createDatabase("few");
    return await measure(run, action, [server.url, server.url.replace(/postgres$/, "few")]);
  } finally {
    await server.stop();
  }
}

async function measure(
  run: Run,
  action: string,
  [many, few]: readonly [string, string],
): Promise<Measurement> {
  await run("fill", many, `${MANY}`);
  await run("fill", few, `${FEW}`);
  return await run(action, many, few) as Measurement;
}

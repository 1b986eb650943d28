/**
 * Kills a process that publishes and delivers, again and again, with real signals, files and sockets,
 * and shows that three webhooks and a durable hook got every accepted event: 5,000 of them and 12 kills,
 * `--short`: 600 and 4. Some events are large, and some callers did not learn whether theirs was stored:
 * with an idempotency key they ask again. Fails when something is missing, has changed, or came again
 * without a reason. On a file of Deno KV, on one of SQLite (`--sqlite`, `--sqlite-async`), on the denokv
 * of `DENOKV_URL`, or on PostgreSQL (`--postgres`), whose connections are ended at random and which crashes
 * once.
 * @module
 */
import { openStore } from "@omniagent/hooks/kv";
import { emptied } from "../tests/support/kv_connect/clients.ts";
import { denokvUrl } from "../tests/support/kv_connect/denokv.ts";
import { isLarge, numbersFrom } from "../tests/soak/events.ts";
import { findPostgres, startPostgres } from "../tests/support/postgres_server.ts";
import { type Kill, soak, type SoakReport } from "../tests/soak/soak.ts";
import { checkArguments } from "./run.ts";

const LONG = { events: 5_000, kills: 12, downFor: 15_000, limit: 300_000 };
const SHORT = { events: 600, kills: 4, downFor: 3_000, limit: 55_000 };
/** Faults that are printed. */
const SHOWN = 10;

const short = Deno.args.includes("--short");
const store = Deno.args.find((arg) => /^--(?:sqlite(?:-async)?|postgres)$/.test(arg));
checkArguments(
  "deno task soak [--short] [--sqlite | --sqlite-async | --postgres]",
  Deno.args.length === Number(short) + Number(store !== undefined),
);
const file = store === undefined ? "soak.db" : `soak${store.slice(8).replace("-", ".")}.sqlite`;
const bin = store === "--postgres" ? await findPostgres("The soak on PostgreSQL") : undefined;
if (store === "--postgres" && bin === undefined) Deno.exit(0);
const server = bin === undefined ? undefined : await startPostgres(bin);
const folder = await Deno.makeTempDir({ prefix: "soak-" });
const start = performance.now();
try {
  const scale = short ? SHORT : LONG;
  // A claim whose response is lost with its connection waits 22 s for the end of the lease.
  const options = server ? { ...scale, limit: 2 * scale.limit } : scale;
  const { events, kills } = options;
  const large = numbersFrom(1, events).filter(isLarge).length;
  console.log(
    `${events} events, ${large} of them over 64 KiB, to 3 webhooks and a durable hook; ` +
      `${kills} times SIGKILL; ${
        server ? "on PostgreSQL" : denokvUrl ? "on denokv" : `in ${file}`
      }\n`,
  );
  if (denokvUrl && !server) (await emptied(await openStore(denokvUrl))).close();
  const path = server?.url ?? denokvUrl ?? `${folder}/${file}`;
  print(await soak(path, { ...options, onKill: printKill, server }));
} finally {
  await server?.stop();
  await Deno.remove(folder, { recursive: true });
}

function printKill({ run, accepted, inFlight, leases }: Kill): void {
  console.log(
    `kill ${String(run).padStart(2)}: ${String(accepted).padStart(4)} accepted, ` +
      `${String(inFlight).padStart(2)} requests in flight, ${leases.size} leases in the store`,
  );
}

function print(report: SoakReport): void {
  const { kills, accepted, receivers, unconfirmed, callers, log, faults } = report;
  const rows = receivers.targets.map((target) => {
    const taken = [...receivers.taken].filter(([key]) => key.startsWith(`${target}/`));
    return {
      receiver: target,
      missing: receivers.missing(target, accepted).length,
      events: taken.length,
      requests: receivers.requests[target] ?? 0,
      again: taken.reduce((sum, [, runs]) => sum + runs.length - 1, 0),
    };
  });
  const leases = kills.reduce((sum, kill) => sum + kill.leases.size, 0);
  console.table(rows);
  console.log(
    `${accepted.size} accepted; delivered again at most ${leases} (leases met by a kill) and ` +
      `${unconfirmed} (requests without a response); ${log.length} log lines; ` +
      `${((performance.now() - start) / 1000).toFixed(1)} s`,
  );
  console.log(
    `callers without a response: ${callers.alive} asked again, ${callers.killed} more in the next ` +
      `process, and ${callers.duplicates} of\nthese events were stored already; ${callers.unknown} ` +
      `callers were killed and had no key`,
  );
  for (const message of new Set(log)) console.log(`log: ${message}`);
  for (const fault of faults.slice(0, SHOWN)) console.log(`FAULT ${fault}`);
  if (faults.length === 0) return console.log("nothing lost, changed, or stored twice");
  console.log(`${faults.length} faults`);
  Deno.exitCode = 1;
}

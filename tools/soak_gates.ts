/**
 * Kills an agent and the gate server that it calls, again and again, and shows that no tool ran without a
 * stored decision about the very data, nor against a gate: 5,000 calls and ten kills of each; `--short`:
 * 600 and three.
 * @module
 */
import { generateSecret } from "@omniagent/hooks/webhook";
import { createOutbox } from "@omniagent/hooks/outbox";
import type { StoredEvent } from "@omniagent/hooks/outbox";
import { sha256Hex } from "../src/internal/crypto.ts";
import { canonicalJson } from "../src/internal/json_text.ts";
import { isDenied, type Orders } from "../tests/soak/gates/orders.ts";
import { openStore } from "../tests/soak/open_store.ts";
import { checkArguments, freePort, rootUrl } from "./run.ts";

const LONG = { calls: 5_000, kills: 10 };
const SHORT = { calls: 600, kills: 3 };
/** Calls that end after each kill of the server, and before that of the agent. */
const WITHOUT_SERVER = 20;
/** Longest run, in milliseconds: the breaker of a dead gate makes calls fail at once. */
const LIMIT = 300_000;
/** Violations that are printed. */
const SHOWN = 10;

const short = Deno.args.includes("--short");
checkArguments("deno task soak:gates [--short]", Deno.args.length === Number(short));

type Ran = { readonly n: number; readonly decisionId: string; readonly params: object };
type Ended = { readonly n: number; readonly ran: boolean };

const { calls, kills } = short ? SHORT : LONG;
const folder = await Deno.makeTempDir({ prefix: "soak-gates-" });
const secret = generateSecret();
const port = freePort();
const orders: Orders = {
  path: `${folder}/soak.sqlite`,
  url: `http://127.0.0.1:${port}/`,
  secret,
  ran: `${folder}/ran.jsonl`,
  ended: `${folder}/ended.jsonl`,
  from: 1,
  to: calls + 1,
};
let server = startServer();
try {
  console.log(`${calls} calls, two gates in the process and one over HTTP; ${kills} kills of each`);
  const limit = setTimeout(() => {
    console.error(`took longer than ${LIMIT} ms`);
    Deno.exit(1);
  }, LIMIT);
  await runAgents();
  clearTimeout(limit);
  await report();
} finally {
  await kill(server);
  await Deno.remove(folder, { recursive: true });
}

/**
 * Starts the agent until every call has ended. Kills it, and the server, at even shares of the calls.
 *
 * @throws {Error} when fewer kills than promised hit processes that ran: then the soak shows less than it says
 */
async function runAgents(): Promise<void> {
  let hits = 0;
  for (;;) {
    const ended = await readLines<Ended>(orders.ended);
    const known = new Set(ended.map(({ n }) => n));
    let from = 1;
    while (known.has(from)) from++;
    if (from > calls) break;
    const agent = start("agent.ts", [JSON.stringify({ ...orders, from })]);
    let hasEnded = false;
    const status = agent.status.finally(() => hasEnded = true);
    const mark = Math.floor(calls * (hits + 1) / (kills + 1));
    while (hits < kills && !hasEnded && (await readLines<Ended>(orders.ended)).length < mark) {
      await pause(20);
    }
    if (hits < kills && !hasEnded) {
      if (!await kill(server)) throw new Error("The server failed");
      // The agent continues: its gate fails, and denies, so that it may even end.
      const enough = (await readLines<Ended>(orders.ended)).length + WITHOUT_SERVER;
      while (!hasEnded && (await readLines<Ended>(orders.ended)).length < enough) await pause(5);
      if (await kill(agent)) console.log(`kill ${++hits}: after ${mark} calls`);
      else if (!(await status).success) throw new Error("The agent failed");
      server = startServer();
      continue;
    }
    if (!(await status).success) throw new Error("The agent failed");
  }
  if (hits < kills) throw new Error(`Only ${hits} of ${kills} kills hit an agent that ran`);
}

/** Holds every run of the tool against what is stored. */
async function report(): Promise<void> {
  const store = await openStore(orders.path);
  const outbox = createOutbox(store);
  const [decided, called] = [new Map<string, Data>(), new Map<string, Data>()];
  for (const [type, byDecision] of [["gate.decided", decided], ["tool.called", called]] as const) {
    let cursor: string | undefined;
    do {
      const page = await outbox.listEvents({ type, limit: 1_000, cursor });
      for (const { event } of page.items as readonly StoredEvent[]) {
        byDecision.set((event.data as Data).decision_id, event.data as Data);
      }
      cursor = page.cursor;
    } while (cursor !== undefined);
  }
  store.close();
  const violations: string[] = [];
  const ran = await readLines<Ran>(orders.ran);
  for (const { n, decisionId, params } of ran) {
    const decision = decided.get(decisionId);
    const data = { name: "work", call_id: `c-${n}`, params };
    if (decision?.outcome !== "allowed") violations.push(`call ${n} ran without a stored decision`);
    else if (decision.digest_out !== await sha256Hex(canonicalJson(data))) {
      violations.push(`call ${n} ran with data of another digest`);
    }
    if (!called.has(decisionId)) violations.push(`call ${n} ran without tool.called`);
    for (const gate of ["parity", "remote"] as const) {
      if (isDenied(gate, n)) violations.push(`call ${n} ran, and '${gate}' denies it`);
    }
  }
  const ended = await readLines<Ended>(orders.ended);
  const failed = [...decided.values()].filter(({ gates }) => gates.some(({ failure }) => failure));
  console.log(
    `${ran.length} runs of the tool, ${decided.size} decisions (${failed.length} with a gate that ` +
      `failed), ${new Set(ended.map(({ n }) => n)).size} calls: ${violations.length} violations`,
  );
  for (const violation of violations.slice(0, SHOWN)) console.error(violation);
  // A soak in which nothing ran, or nothing failed, shows nothing.
  if (violations.length > 0 || ran.length < calls / 10 || failed.length === 0) Deno.exitCode = 1;
}

type Data = {
  readonly decision_id: string;
  readonly outcome?: string;
  readonly digest_out?: string;
  readonly gates: readonly { readonly failure?: string }[];
};

function start(file: string, args: readonly string[]): Deno.ChildProcess {
  const path = new URL(`tests/soak/gates/${file}`, rootUrl).pathname;
  const config = new URL("tests/deno.json", rootUrl).pathname;
  const run = ["run", "-A", "--quiet", `--config=${config}`, path, ...args];
  return new Deno.Command(Deno.execPath(), { args: run, stdin: "null" }).spawn();
}

function startServer(): Deno.ChildProcess {
  return start("server.ts", [String(port), secret]);
}

/** Kills a process. Resolves to whether that ended it: it may have ended by itself, even a moment before. */
async function kill(process: Deno.ChildProcess): Promise<boolean> {
  try {
    process.kill("SIGKILL");
  } catch {
    // it has ended
  }
  return (await process.status).signal === "SIGKILL";
}

/** The whole lines of a file: the last one may have been cut by a kill. */
async function readLines<Line>(path: string): Promise<readonly Line[]> {
  const text = await Deno.readTextFile(path).catch(() => "");
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line) as Line);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

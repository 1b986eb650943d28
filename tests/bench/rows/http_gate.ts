import { createHooks } from "@omniagent/hooks";
import { gateReceiver, WebhookGate } from "@omniagent/hooks/webhook";
import { spread } from "../sampler.ts";
import { event } from "./_event.ts";
import type { InsideRow, Row, Unit } from "./row.ts";

const SECRET = `whsec_${btoa("0123456789abcdef0123456789abcdef")}`;
const ROUNDS = 11;
/** Decisions of a round, and as many raw requests, taken in turns. */
const DECISIONS = 200;
const name = "decide, one HTTP gate, signed both ways";

/** How long an agent waits for one gate on loopback: one request at a time, as before a tool call. */
export const httpGateRows: readonly Row[] = [
  row("p50", "raw fetch, p50", ({ gate, raw }) => at(gate, 0.5) / at(raw, 0.5)),
  row("p99", "raw fetch, p99", ({ gate, raw }) => at(gate, 0.99) / at(raw, 0.99)),
  row("p50", "the clock", ({ gate }) => at(gate, 0.5), "ms"),
  row("p99", "the clock", ({ gate }) => at(gate, 0.99), "ms"),
];

/** Durations in milliseconds. */
type Round = { readonly gate: readonly number[]; readonly raw: readonly number[] };

function row(
  part: string,
  against: string,
  value: (round: Round) => number,
  unit?: Unit,
): InsideRow {
  const decide = gateReceiver(() => ({ decision: "allow" }), {
    secret: SECRET,
    signResponse: true,
  });
  return {
    name: `${name}, ${part}`,
    against,
    ...(unit && { unit }),
    server: async (request) => {
      if (request.headers.has("webhook-id")) return await decide(request);
      await request.arrayBuffer();
      return Response.json({ decision: "allow" });
    },
    inside: async (address) => spread((await measure(address)).map(value)),
  };
}

async function measure(url: string): Promise<readonly Round[]> {
  const gate = new WebhookGate({
    name: "bench",
    events: [event.type],
    url,
    secret: SECRET,
    verifyResponse: true,
  });
  const hooks = createHooks({ use: [gate] });
  const body = JSON.stringify(event);
  const rounds: Round[] = [];
  for (let n = 0; n <= ROUNDS; n++) {
    const round = { gate: [] as number[], raw: [] as number[] };
    for (let i = 0; i < DECISIONS; i++) {
      round.gate.push(await timed(() => hooks.decide(event.type, event.data)));
      round.raw.push(
        await timed(async () => await (await fetch(url, { method: "POST", body })).json()),
      );
    }
    if (n > 0) rounds.push(round); // the first one warms up
  }
  await hooks.close();
  return rounds;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function at(durations: readonly number[], share: number): number {
  const sorted = [...durations].sort((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))]!;
}

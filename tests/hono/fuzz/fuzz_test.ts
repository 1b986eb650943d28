import type { HooksApp } from "@omniagent/hooks/hono";
import assert from "node:assert/strict";
import { test } from "../../support/harness.ts";
import { Random, SEED } from "../../support/random.ts";
import { triggerRareResponses, triggerSureResponses } from "./responses.ts";
import { createFuzzApp, type FuzzApps, send, Tally, textOf, withApps } from "./apps.ts";
import { type Known, type Operation, operationsOf, requestFor } from "./requests.ts";
import { BASH, inTime } from "../helpers.ts";

const REQUESTS = 20_000;
const PARTS = 20;

const random = new Random(SEED);
const tally = new Tally();
const { app: reference } = createFuzzApp(tally, "whole");
const operations = operationsOf(await (await reference.request("/openapi.json")).json());
let made = 0;

// In parts: the run shows how far it has come.
for (let part = 1; part <= PARTS; part++) {
  test(`no input causes a 500: ${REQUESTS} requests generated from the document, part ${part} of ${PARTS}`, () =>
    withApps(tally, async (apps) => {
      const known = { id: await someIds(apps.whole.app), target: ["audit", "unknown"] };
      while (tally.sent < REQUESTS * part / PARTS) await sendOne(apps, known);
    }));
}

/** Sends a request, and checks its response. */
async function sendOne(apps: FuzzApps, known: Known): Promise<void> {
  const n = made++;
  const marker = `zq${n.toString(36)}qz`;
  const operation = random.pick(operations);
  const isStream = operation.path === "/events/stream";
  if (isStream && random.chance(0.8)) return;
  const wrongness = random.chance(0.55) ? "right" : random.chance(0.8) ? "wrong" : "noise";
  const request = requestFor(operation, random, marker, known, wrongness);
  const other = random.chance(0.04) && random.pick(["no outbox", "no store", "no auth"] as const);
  const { app } = apps[other || (isStream ? "streams" : "whole")];
  const others = [null, "unknown", "emit", "read", "expired"] as const;
  const token = random.chance(0.94) ? "admin" : random.pick(others);
  const label = `seed ${SEED}, request ${n}: ${request.method} ${request.path}`;
  const response = await inTime(label, send(app, request, token));
  const text = await inTime(`the text of ${label}`, textOf(response));
  tally.note(operation, response.status);
  const stacks = tally.unexpected.map((error) => (error as Error).stack).join("\n");
  const message = `${label} -> ${response.status} ${text} ${stacks}`;
  assert.ok(response.status < 500 || other, message);
  assert.notEqual(response.status, 500, message);
  const returnsFilter = operation.path === "/replays" && response.status === 202;
  assert.ok(returnsFilter || !echoes(text, response.headers, marker), message);
  assert.ok(wrongness === "noise" || isDocumented(operation, response.status, text), message);
}

test("every documented status occurred, 30% of requests were accepted, and no error was unexpected", async () => {
  await withApps(tally, (apps) => triggerSureResponses(operations, apps, tally));
  await triggerRareResponses(operations, tally);
  const missing = operations.flatMap(({ method, path, statuses }) =>
    statuses.map((status) => `${method} ${path} ${status}`).filter((key) => !tally.seen.has(key))
  );
  assert.deepEqual(missing, [], `seed ${SEED}`);
  assert.deepEqual(tally.unexpected, [], `seed ${SEED}`);
  const share = tally.succeeded / tally.sent;
  console.log(
    `${tally.sent} requests, seed ${SEED}: ${(share * 100).toFixed(0)}% were accepted, ` +
      `${tally.seen.size} kinds of responses, ${tally.unexpected.length} unexpected errors`,
  );
  assert.ok(share >= 0.3, `${share}`);
});

async function someIds(app: HooksApp): Promise<readonly string[]> {
  const body = new TextEncoder().encode(JSON.stringify({ events: Array(20).fill(BASH) }));
  const headers = { "content-type": "application/json" };
  const request = { method: "POST", path: "/events", headers, body };
  const response = await inTime("the first events", send(app, request));
  const { receipts } = await response.json() as { readonly receipts: readonly { id: string }[] };
  return [...receipts.map(({ id }) => id), "0192e4a0-6b2f-7c31-9f10-3a5d6c1e2b47"];
}

/**
 * Whether a response repeats something of its request. A link to the next page repeats its query, and a
 * pointer the keys on the way to a value, rightly.
 */
function echoes(text: string, headers: Headers, marker: string): boolean {
  if (text.replaceAll(/"pointer":"[^"]*"/g, "").includes(marker)) return true;
  return [...headers].some(([name, value]) => name !== "link" && value.includes(marker));
}

/** A value that changes a path makes another request of it. */
function isDocumented({ statuses }: Operation, status: number, text: string): boolean {
  return statuses.includes(String(status)) ||
    /"code":"(?:not_found|method_not_allowed)"/.test(text);
}

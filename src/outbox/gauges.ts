import type { Measurement } from "../core/metrics.ts";
import { listDeliveries } from "./list_deliveries.ts";
import type { StoreClient } from "./store_client.ts";
import type { TargetStats } from "./types.ts";

/** Targets that are measured, so that the number of series is bounded. */
const MAX_TARGETS = 500;

/** Returns the current values of gauges, for every target that isn't deleted. */
export async function measureTargets(
  client: StoreClient,
  stats: readonly TargetStats[],
): Promise<readonly Measurement[]> {
  const targets = stats.filter(({ state }) => state !== "deleted").slice(0, MAX_TARGETS);
  const measured = await Promise.all(targets.map((target) => measureTarget(client, target)));
  return measured.flat();
}

async function measureTarget(
  client: StoreClient,
  { target, state, pending, dead }: TargetStats,
): Promise<readonly Measurement[]> {
  const attributes = { target };
  return [
    { name: "omniagent.hooks.backlog", value: pending, attributes },
    { name: "omniagent.hooks.backlog.age", value: await ageOf(client, target), attributes },
    { name: "omniagent.hooks.dead_letters", value: dead, attributes },
    { name: "omniagent.hooks.target.enabled", value: state === "off" ? 0 : 1, attributes },
  ];
}

/** Returns how long the first due delivery has been due, in seconds. */
async function ageOf(client: StoreClient, target: string): Promise<number> {
  const page = await listDeliveries(client, { target, state: "pending", limit: 1 });
  const due = page.items[0]?.dueAt?.getTime() ?? Infinity;
  return Math.max(0, client.clock.now() - due) / 1000;
}

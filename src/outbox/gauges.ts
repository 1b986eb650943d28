import type { Measurement } from "../core/metrics.ts";
import { readTargetStats, type TargetStatsOptions } from "./target_stats.ts";

/** Targets that are measured, so that the number of series is bounded. */
const MAX_TARGETS = 500;

/** Returns the current values of gauges for every target that isn't deleted: first those with a backlog. */
export async function measureTargets(
  options: TargetStatsOptions,
): Promise<readonly Measurement[]> {
  const stats = await readTargetStats(options, { countsLeases: false });
  const targets = stats.filter(({ state }) => state !== "deleted")
    .sort((a, b) => b.pending - a.pending).slice(0, MAX_TARGETS);
  const now = options.client.clock.now();
  return targets.flatMap(({ target, state, pending, dead, oldestDue }) => {
    const attributes = { target };
    const late = oldestDue === undefined ? 0 : Math.max(0, now - oldestDue.getTime()) / 1000;
    return [
      { name: "omniagent.hooks.backlog", value: pending, attributes },
      { name: "omniagent.hooks.backlog.age", value: late, attributes },
      { name: "omniagent.hooks.dead_letters", value: dead, attributes },
      { name: "omniagent.hooks.target.enabled", value: state === "off" ? 0 : 1, attributes },
    ];
  });
}

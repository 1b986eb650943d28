import { Cluster, type ClusterOptions, type MakeOutbox } from "./cluster.ts";
import { DeliveryStory } from "./delivery_story.ts";
import type { Faults } from "./faults.ts";
import { OperationsStory } from "./operations_story.ts";
import { deterministically } from "./simulation.ts";

/** Longer than a story takes, and shorter than the wait that one receiver asks for. */
export const RETENTION = 20 * 60 * 1000;

type Setting = Omit<ClusterOptions, "seed" | "make">;

/** Fixed stories, for faults at each of their operations. */
export const STORIES = { deliveries: DeliveryStory, operations: OperationsStory } as const;

const SETTINGS: Readonly<Record<keyof typeof STORIES, Setting>> = {
  deliveries: {
    targets: ["good", "flaky", "final", "stuck", "later", "tomorrow", "slow"],
    retention: RETENTION,
  },
  operations: {
    targets: ["good", "ordered", "gone", "busy", "doomed", "bye", "ears"],
    ordered: ["ordered"],
    hearers: { "delivery.dead": ["ears"], "webhook.disabled": ["ears"] },
  },
};

/** How a story is run. */
type ScenarioOptions = {
  readonly story?: keyof typeof STORIES;
  /** Decides latencies. */
  readonly seed?: number;
  readonly make?: MakeOutbox;
};

/** Runs a story; gives the cluster, checked. */
export async function runScenario(
  faults: Faults,
  { story = "deliveries", seed = 1, make }: ScenarioOptions = {},
): Promise<Cluster> {
  const cluster = new Cluster({ seed, make, ...SETTINGS[story] });
  const told = new STORIES[story](cluster, faults);
  await deterministically(cluster.simulation, () => told.run());
  return cluster;
}

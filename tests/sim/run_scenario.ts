import { Cluster, type ClusterOptions, type MakeOutbox } from "./cluster.ts";
import { DeliveryScenario } from "./delivery_scenario.ts";
import type { Faults } from "./faults.ts";
import { OperationsScenario } from "./operations_scenario.ts";
import { deterministically } from "./simulation.ts";

/** Longer than a scenario takes, and shorter than the wait that one receiver asks for. */
export const RETENTION = 20 * 60 * 1000;

type Setting = Omit<ClusterOptions, "seed" | "make">;

/** Fixed scenarios, for faults at each of their operations. */
export const SCENARIOS = { deliveries: DeliveryScenario, operations: OperationsScenario } as const;

const SETTINGS: Readonly<Record<keyof typeof SCENARIOS, Setting>> = {
  deliveries: {
    targets: ["good", "flaky", "final", "stuck", "later", "tomorrow", "slow"],
    retention: RETENTION,
  },
  operations: {
    targets: ["good", "ordered", "gone", "busy", "doomed", "bye", "ears"],
    ordered: ["ordered"],
    subscribers: { "delivery.dead": ["ears"], "webhook.disabled": ["ears"] },
  },
};

/** Options of a run. */
type ScenarioOptions = {
  readonly scenario?: keyof typeof SCENARIOS;
  /** Decides latencies. */
  readonly seed?: number;
  readonly make?: MakeOutbox;
};

/** Runs a scenario. Returns its cluster, which was checked. */
export async function runScenario(
  faults: Faults,
  { scenario = "deliveries", seed = 1, make }: ScenarioOptions = {},
): Promise<Cluster> {
  const cluster = new Cluster({ seed, make, ...SETTINGS[scenario] });
  const running = new SCENARIOS[scenario](cluster, faults);
  await deterministically(cluster.simulation, () => running.run());
  return cluster;
}

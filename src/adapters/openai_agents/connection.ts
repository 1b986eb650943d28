import type { AgentHooks, AgentOptions } from "../options.ts";
import { AgentRun } from "../run.ts";
import { connectAgent } from "./agents.ts";
import { type Frame, frames, nestedRun } from "./frame.ts";
import { connectConfig } from "./models.ts";
import { connectRuns, follow, judgeInput, type Options } from "./runs.ts";
import type { SdkAgent, SdkRunner } from "./sdk.ts";

/** Connects a runner, its models, and the agents that take part in its runs. */
export class Connection {
  readonly #hooks: AgentHooks;
  readonly #options: AgentOptions;

  constructor(hooks: AgentHooks, options: AgentOptions) {
    this.#hooks = hooks;
    this.#options = options;
    frames(); // throws where there are none
  }

  connectRunner(runner: SdkRunner): void {
    connectRuns(runner);
    connectConfig(runner.config);
    const run = runner.run.bind(runner);
    runner.run = (agent: SdkAgent, input: unknown, options?: Options) =>
      this.#run(runner, run, agent, input, options);
  }

  async #run(
    runner: SdkRunner,
    run: SdkRunner["run"],
    agent: SdkAgent,
    input: unknown,
    options: Options | undefined,
  ): Promise<unknown> {
    connectAgent(agent);
    const frame = frames().getStore();
    const outer = frame?.connection === this && !frame.isOver() ? frame : undefined;
    const own = this.#begin(agent, outer);
    const hasGates = (): boolean => this.#hooks.registry.gates.guards("tool.called");
    const start = { connection: this, hasGates, runner, agent, input, options, outer };
    return await follow(own, start, async () => {
      const judged = await judgeInput(own, input, options?.signal ?? outer?.signal);
      return () => run(agent, judged, options);
    });
  }

  /** Begins a run. One that a tool of another run starts belongs to that. */
  #begin(agent: SdkAgent, outer: Frame | undefined): AgentRun {
    if (outer !== undefined) return nestedRun(outer, agent);
    const { name = agent.name } = this.#options;
    return new AgentRun(this.#hooks, { ...this.#options, name });
  }
}

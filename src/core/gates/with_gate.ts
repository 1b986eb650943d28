import type { HooksOption } from "../define_hook.ts";
import type { AgentEvents, EventOf, EventPattern } from "../events.ts";
import type { Gate } from "./gate.ts";

/**
 * Returns a gate as an option of `use`, and of the constructor of an agent.
 *
 * ```ts
 * import { createHooks } from "@omniagent/hooks";
 * import { deny, withGate } from "@omniagent/hooks/gates";
 *
 * const noShell = withGate("tool.called", {
 *   name: "no-shell",
 *   handle: ({ data }) => data.name === "bash" ? deny("There is no shell") : undefined,
 * });
 * const hooks = createHooks({ use: [noShell] });
 * console.log((await hooks.decide("tool.called", { name: "bash" })).decision); // deny
 * await hooks.close();
 * ```
 */
export function withGate<
  Events extends object = AgentEvents,
  const Pattern extends EventPattern<Events> = EventPattern<Events>,
>(
  pattern: Pattern | readonly Pattern[],
  gate: Gate<EventOf<Events, Pattern>>,
): Extract<HooksOption<Events>, { readonly kind: "gate" }> {
  return {
    kind: "gate",
    events: typeof pattern === "string" ? [pattern] : pattern as readonly string[],
    gate: gate as unknown as Gate<never>,
  };
}

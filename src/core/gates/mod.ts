/**
 * Gates decide before something happens: they allow, deny, rewrite, or ask a person. Register them with
 * `hooks.gate`, and run tools through `hooks.call`.
 *
 * ```ts
 * import { createHooks } from "@omniagent/hooks";
 * import { deny } from "@omniagent/hooks/gates";
 *
 * const hooks = createHooks();
 * hooks.gate("tool.called", {
 *   name: "no-deletions",
 *   handle: ({ data }) => data.name === "delete_file" ? deny("Files are kept") : undefined,
 * });
 * const decision = await hooks.decide("tool.called", { name: "delete_file" });
 * console.log(decision.decision, decision.reason); // deny Files are kept
 * await hooks.close();
 * ```
 *
 * @module
 */
export type { ChildOptions } from "../options.ts";
export { AskError, GateDeniedError } from "../errors.ts";
export { type StandaloneGate, withGate } from "../define_hook.ts";
export type { ToolDeniedData } from "../events.ts";
export type {
  GateAskedData,
  GateDecidedData,
  GateLateData,
  GateResolvedData,
} from "../gate_payloads.ts";
export type { ObserveOptions, Observer } from "../observer.ts";
export type {
  CheckGate,
  CheckResult,
  Gate,
  GateBase,
  GateContext,
  RewriteGate,
  RewriteResult,
} from "./gate.ts";
export { type AskLink, type AskLinkOptions, signAskLink } from "./ask_link.ts";
export type { Ask, AskListOptions, AskPage, Asks } from "./asks.ts";
export type {
  AskAnswer,
  AskedDecision,
  AskRequest,
  CallOptions,
  DecideOptions,
  Decision,
  DecisionBase,
  DeniedCall,
  FinalDecision,
  GatesOptions,
  ToolContext,
} from "./decision.ts";
export type { Gates } from "./gates.ts";
export type { AskResolution } from "./resolve_ask.ts";
export { GateError, type GateFailure, type GateRecord } from "./merge_verdicts.ts";
export { allow, ask, type AskChoice, type Decided, deny, type Verdict } from "./verdict.ts";

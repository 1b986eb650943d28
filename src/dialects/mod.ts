/**
 * The hook formats of other agents. Each dialect reads its agent's hook inputs as our events, and writes our
 * decisions in the agent's format.
 * @module
 */
import { claudeCode } from "./claude_code.ts";
import { codex } from "./codex.ts";
import { copilot } from "./copilot.ts";
import { cursor } from "./cursor.ts";
import type { Dialect } from "./dialect.ts";
import { gemini } from "./gemini.ts";

export {
  decidedEvent,
  type Dialect,
  type EncodeOptions,
  type HookCall,
  type HookOutcome,
  type ReportedEvent,
} from "./dialect.ts";

export { claudeCode };

/** All dialects. */
export const dialects: readonly Dialect[] = [claudeCode, copilot, codex, gemini, cursor];

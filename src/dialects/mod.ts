/**
 * The hook formats of other agents. Each dialect reads what its agent sends to a hook as our events, and
 * writes our decisions as the agent reads them.
 * @module
 */
export { claudeCode } from "./claude_code.ts";
export {
  CLAUDE_CODE_HOOKS,
  type ClaudeCodeResponse,
  decodeClaudeCodeOutput,
  encodeClaudeCodeInput,
} from "./claude_code_gate.ts";
export {
  decidedEvent,
  type Dialect,
  type EncodeOptions,
  type HookCall,
  type HookOutcome,
  type ReportedEvent,
} from "./dialect.ts";

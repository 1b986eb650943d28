import type { Logger } from "@omniagent/hooks";

/** Says nothing. */
export const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} };

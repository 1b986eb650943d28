import type { HookEvent } from "@omniagent/hooks";

/** The event of every row: a tool result, about 400 bytes as JSON. */
export const event = {
  id: "019aab3e-5c00-7000-8000-000000000000",
  type: "tool.completed",
  timestamp: new Date("2026-04-22T10:30:00Z"),
  sessionId: "s-1",
  data: { name: "bash", params: { command: "ls -la" }, result: "drwxr-xr-x ".repeat(20) },
} as const satisfies HookEvent;

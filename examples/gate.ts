/**
 * A gate in front of Claude Code and other agents. Sends two calls as Claude Code would, prints the responses,
 * and ends; with --serve, waits for the hooks of a real one on port 8787.
 *
 *   deno run examples/gate.ts
 *   HOOKS_TOKEN=$(deno task --quiet hooks secret) deno run --allow-net --allow-env examples/gate.ts --serve
 */
import { createHooks } from "@omniagent/hooks";
import { deny } from "@omniagent/hooks/gates";
import { createHooksApp } from "@omniagent/hooks/hono";

const hooks = createHooks({ logger: false });
hooks.gate("tool.called", {
  name: "no-deletions",
  filter: ({ data }) => data.name === "Bash",
  handle: ({ data }) =>
    /\brm\b/.test(String(data.params?.command)) ? deny("Deleting files is not allowed") : undefined,
});
hooks.on("tool.*", ({ type, data }) => console.log(type, data.params?.command));

if (Deno.args.includes("--serve")) {
  const token = Deno.env.get("HOOKS_TOKEN");
  if (!token) throw new Error("Set HOOKS_TOKEN, for this server and for the agent");
  const tokens = [{ name: "agent", token, scopes: ["decide"] as const }];
  Deno.serve({ port: 8787, hostname: "127.0.0.1" }, createHooksApp(hooks, { tokens }).fetch);
} else {
  const app = createHooksApp(hooks, { auth: false });
  for (const command of ["ls", "rm -rf build"]) {
    const response = await app.request("/gates/claude-code", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        session_id: "s-1",
        hook_event_name: "PreToolUse",
        tool_name: "Bash",
        tool_input: { command },
        tool_use_id: command,
      }),
    });
    console.log(await response.text());
  }
  await hooks.close();
}

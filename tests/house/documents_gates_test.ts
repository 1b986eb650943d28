/**
 * The policy servers of docs/policy-servers.md, unchanged, asked by `WebhookGate`: in Python and Go with the
 * packages of Standard Webhooks, and Open Policy Agent, where `opa` is installed or `OPA` names it.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks } from "@omniagent/hooks";
import { generateSecret, WebhookGate, type WebhookGateOptions } from "@omniagent/hooks/webhook";
import { freePort, root } from "../../tools/run.ts";
import { inFolder } from "../support/folder.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { blocksOf, readDocuments } from "./documents.ts";
import {
  type Command,
  noGo,
  noPython,
  programIn,
  run,
  withGoProgram,
  withPythonProgram,
  withServer,
} from "./peers.ts";

const PAGE = "docs/policy-servers.md";

test("the policy in Python decides, and signs its responses by standardwebhooks", async () => {
  await withPythonProgram(PAGE, tryOut);
}, { skip: noPython });

test("the policy in Go decides, and signs its responses by standardwebhooks", async () => {
  await withGoProgram(PAGE, tryOut);
}, { skip: noGo });

const opa = Deno.env.get("OPA") ?? "opa";
const noOpa = await run(opa, ["version"]) ? undefined : `${opa} is not installed`;

test(
  "the policy of Open Policy Agent decides, and without its policy nothing is allowed",
  async () => {
    const page = (await readDocuments()).find(({ path }) => path === PAGE)!;
    const adapter = blocksOf(page).find(({ code }) => code.includes("/v1/data/agent/deny"))!;
    await inFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/agent.rego`, await programIn(PAGE, "rego"));
      const serve = "Deno.serve({ port: Number(Deno.env.get('PORT')) }, receive);";
      await Deno.writeTextFile(`${folder}/gate.ts`, `${adapter.code}\n${serve}\n`);
      const gate: Command = [
        Deno.execPath(),
        "run",
        "-A",
        "--no-check",
        `--config=${root}/tests/deno.json`,
        `${folder}/gate.ts`,
      ];
      for (const policy of [`${folder}/agent.rego`, undefined]) {
        const port = freePort();
        const args = ["run", "--server", `--addr=127.0.0.1:${port}`, ...policy ? [policy] : []];
        await withServer([opa, ...args], {}, async (opaUrl) => {
          const secret = generateSecret();
          const env = { GATE_SECRET: secret, OPA_URL: opaUrl.slice(0, -1) };
          await withServer(gate, env, async (url) => {
            const allowed = policy ? "ran ls" : "Gate 'policy' failed (status)";
            assert.equal(await call({ url, secret }, "ls"), allowed);
            const denied = policy ? "Deleting files is not allowed" : allowed;
            assert.equal(await call({ url, secret }, "rm -rf /"), denied);
          });
        }, port);
      }
    });
  },
  { skip: noOpa },
);

/** Asks a policy: with its secret, then with another. */
async function tryOut(command: Command): Promise<void> {
  const secret = generateSecret();
  await withServer(command, { GATE_SECRET: secret }, async (url) => {
    // Two signatures: what libraries get wrong.
    const gate = { url, secrets: [generateSecret(), secret], verifyResponse: true };
    for (let n = 0; n < 3; n++) {
      assert.equal(await call(gate, "ls"), "ran ls");
      assert.equal(await call(gate, "rm -rf grüße 🎉"), "Deleting files is not allowed");
    }
    const other = { url, secret: generateSecret(), verifyResponse: true };
    assert.equal(await call(other, "ls"), "Gate 'policy' failed (status)");
  });
}

/** Calls a tool behind a gate; its result, or why it was denied. */
async function call(options: Partial<WebhookGateOptions>, command: string): Promise<string> {
  const gate = new WebhookGate({ name: "policy", events: ["tool.called"], url: "", ...options });
  const hooks = createHooks({ logger: silentLogger, use: [gate] });
  try {
    const result = await hooks.call("bash", { command }, ({ command }) => `ran ${command}`);
    return typeof result === "string" ? result : result.reason;
  } finally {
    await hooks.close();
  }
}

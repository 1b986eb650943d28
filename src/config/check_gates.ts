import { CLAUDE_CODE_HOOKS } from "../dialects/claude_code_gate.ts";
import { findContentTypeProblem } from "../webhook/request_rules.ts";
import type { GateConfig } from "./config.ts";
import type { Issue } from "./config_error.ts";
import type { ConfigFile } from "./fields.ts";

type GateIssue = Pick<Issue, "code" | "problem"> & {
  /** The field. */
  readonly at: readonly (string | number)[];
  readonly on?: Issue["on"];
};

/** Returns what is wrong with fields of gates that depend on one another. */
export function checkGates({ hooks }: ConfigFile): readonly Issue[] {
  return (hooks?.gates ?? []).flatMap((gate, i): readonly Issue[] => {
    if (gate === undefined) return []; // it has an issue itself
    const path = ["hooks", "gates", i];
    return [...checkFormat(gate), ...checkVerification(gate)].map(({ at, ...issue }) => ({
      ...issue,
      path: [...path, ...at],
    }));
  });
}

function checkFormat({ format, events = [], headers = {} }: GateConfig): readonly GateIssue[] {
  const issues: GateIssue[] = [];
  const type = Object.entries(headers).find(([name]) => name.toLowerCase() === "content-type");
  const problem = type && findContentTypeProblem(type[1], format ?? "native");
  if (problem !== undefined) {
    const code = format === "claude-code" ? "conflict" : "invalid_value";
    issues.push({ code, problem, at: ["headers", type![0]], on: "key" });
  }
  if (format !== "claude-code") return issues;
  const known = Object.keys(CLAUDE_CODE_HOOKS);
  for (const [i, pattern] of events.entries()) {
    if (pattern === undefined || known.includes(pattern)) continue;
    const problem = `has no form in the format claude-code: use some of ${known.join(", ")}`;
    issues.push({ code: "conflict", problem, at: ["events", i] });
  }
  return issues;
}

function checkVerification(gate: GateConfig): readonly GateIssue[] {
  const { verifyResponse, responseSecrets, secret, secrets = [] } = gate;
  if (responseSecrets !== undefined && verifyResponse !== true) {
    const problem = "needs verify_response: true";
    return [{ code: "conflict", problem, at: ["response_secrets"], on: "key" }];
  }
  // A field with an issue of its own is undefined.
  if (verifyResponse !== true || "responseSecrets" in gate) return [];
  const given = [...secret === undefined ? [] : [secret], ...secrets];
  const isUnread = ("secret" in gate || "secrets" in gate) && given.length === 0;
  if (isUnread || given.some((one) => one === undefined || one.startsWith("whsec_"))) return [];
  const problem = "needs a whsec_ secret, or the receiver's public key in response_secrets";
  return [{ code: "conflict", problem, at: ["verify_response"], on: "key" }];
}

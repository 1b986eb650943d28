#!/usr/bin/env node
/**
 * Plays Claude Code for the Claude Agent SDK: its control protocol over stdin and stdout, with a model that follows
 * the script in FAKE_CLAUDE_CODE. Tools run in the SDK's process, in its MCP server `tools`.
 *
 * @typedef {{ id: string, name: string, params: object, asks?: boolean, response?: unknown, background?: boolean }} Call
 *   `asks`: Claude Code asks the user first; `response`: what a tool of Claude Code itself returns; `background`: the
 *   subagent begins when the turn has ended
 * @typedef {{ calls: Call[] } | { text: string } | { error: string } | { exit: number } | { stop: true }} Turn
 *   `stop`: a person stops the subagent
 * @typedef {{ session?: string, turns: Turn[], subagents?: Record<string, Turn[]> }} Script
 */
import { createInterface } from "node:readline";
import process from "node:process";

/** @type {Script} */
const { session = "session-1", turns, subagents = {} } = JSON.parse(process.env.FAKE_CLAUDE_CODE);

/** Of every response of the model. */
const COST = 0.01;
const TOKENS = { input_tokens: 3, output_tokens: 5 };

const responses = new Map();
const total = { cost: 0, responses: 0, requests: 0 };
/** Subagents that go on when the turn has ended. */
const background = [];
let matchers = {};

/** What happens in one turn of the user. */
let turn = { denials: [], responses: 0, stopReason: undefined };

createInterface({ input: process.stdin })
  .on("line", (line) => receive(JSON.parse(line)))
  .on("close", () => process.exit(0));

function receive(message) {
  if (message.type === "control_request") return control(message);
  if (message.type === "user") return answer(message.message.content);
  if (message.type !== "control_response") return;
  const { request_id, ...response } = message.response;
  responses.get(request_id)?.(response);
  responses.delete(request_id);
}

function control({ request_id, request }) {
  if (request.subtype === "initialize") matchers = request.hooks ?? {};
  const response = {
    commands: [],
    models: [],
    account: {},
    output_style: "default",
    available_output_styles: [],
    agents: [],
    hook_on_failure_supported: true,
  };
  send({ type: "control_response", response: { subtype: "success", request_id, response } });
  if (request.subtype === "interrupt") {
    result({
      subtype: "error_during_execution",
      is_error: true,
      terminal_reason: "aborted_streaming",
    });
  }
}

function send(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

function emit(message) {
  send({ uuid: crypto.randomUUID(), session_id: session, ...message });
}

/** Asks the SDK. */
function ask(request) {
  const request_id = `request-${++total.requests}`;
  send({ type: "control_request", request_id, request });
  return new Promise((resolve) => responses.set(request_id, resolve));
}

/** Calls the hooks of an event, all at once. One that fails blocks if it said so. */
async function hook(name, fields) {
  const input = {
    session_id: session,
    transcript_path: "",
    cwd: "/",
    hook_event_name: name,
    ...fields,
  };
  const calls = (matchers[name] ?? []).flatMap(({ hookCallbackIds, onFailure }) =>
    hookCallbackIds.map(async (callback_id) => {
      const { tool_use_id } = fields;
      const output = await ask({ subtype: "hook_callback", callback_id, input, tool_use_id });
      if (output.subtype !== "error") return output.response ?? {};
      return onFailure === "block" ? { decision: "block", reason: output.error } : {};
    })
  );
  return Object.assign({}, ...await Promise.all(calls));
}

/** One turn: what the user says, to its result. */
async function answer(content) {
  turn = { denials: [], responses: 0, stopReason: undefined };
  const prompt = typeof content === "string" ? content : content.map(({ text }) => text).join("\n");
  const blocked = await hook("UserPromptSubmit", { prompt, source: "sdk" });
  emit({
    type: "system",
    subtype: "init",
    model: "scripted",
    cwd: "/",
    tools: [],
    mcp_servers: [],
  });
  if (blocked.decision === "block") return result({ result: blocked.reason });
  try {
    const text = await run(turns, {});
    await hook("Stop", { stop_hook_active: false, last_assistant_message: text });
    result({ result: text });
    for (const work of background.splice(0)) await work();
  } catch (error) {
    await hook("StopFailure", { error: "server_error" });
    result({ result: error.message, is_error: true, terminal_reason: "api_error" });
  }
}

function result(more) {
  const usage = Object.fromEntries(
    Object.entries(TOKENS).map(([name, tokens]) => [name, tokens * turn.responses]),
  );
  emit({
    type: "result",
    subtype: "success",
    is_error: false,
    duration_ms: 1,
    duration_api_ms: 1,
    num_turns: 1,
    stop_reason: null,
    errors: [],
    usage,
    modelUsage: {},
    permission_denials: turn.denials,
    total_cost_usd: total.cost,
    terminal_reason: turn.stopReason ?? "completed",
    ...more,
  });
}

/** Runs an agent: the model, its tools, the model again. Resolves to its last text. */
async function run(script, agent) {
  for (let next = script.shift(); next !== undefined; next = script.shift()) {
    if ("exit" in next) process.exit(next.exit);
    if ("stop" in next) return undefined;
    const id = `message-${++total.responses}`;
    const say = (content, more) => {
      const { message = {}, ...rest } = more ?? {};
      emit({
        type: "assistant",
        message: {
          id,
          role: "assistant",
          model: "scripted",
          content: [content],
          usage: TOKENS,
          stop_reason: null,
          ...message,
        },
        parent_tool_use_id: agent.call ?? null,
        ...(agent.agent_id && { agent_id: agent.agent_id }),
        ...rest,
      });
    };
    if ("error" in next) {
      const usage = { input_tokens: 0, output_tokens: 0 };
      say({ type: "text", text: next.error }, { message: { usage }, error: "server_error" });
      throw new Error(next.error);
    }
    if (agent.agent_id === undefined) turn.responses++;
    total.cost += COST;
    if ("text" in next) {
      say({ type: "text", text: next.text }, { message: { stop_reason: "end_turn" } });
      return next.text;
    }
    // One message for each block.
    for (const { id, name, params } of next.calls) {
      say({ type: "tool_use", id, name, input: params });
    }
    const content = await Promise.all(next.calls.map((call) => callTool(call, agent)));
    emit({
      type: "user",
      message: { role: "user", content },
      parent_tool_use_id: agent.call ?? null,
      ...(agent.agent_id && { agent_id: agent.agent_id }),
    });
    if (turn.stopReason !== undefined) return undefined;
  }
}

async function callTool(
  { id, name, params, asks, response, background },
  { agent_id, agent_type },
) {
  const call = {
    tool_name: name,
    tool_input: params,
    tool_use_id: id,
    ...(agent_id && { agent_id, agent_type }),
  };
  const told = (content, is_error = false) => ({
    type: "tool_result",
    tool_use_id: id,
    content,
    is_error,
  });
  const denied = (reason) => {
    turn.denials.push({ tool_name: name, tool_use_id: id, tool_input: params });
    return told(reason, true);
  };
  const { hookSpecificOutput: pre = {}, ...output } = await hook("PreToolUse", call);
  if (output.continue === false) turn.stopReason = "hook_stopped";
  if (pre.permissionDecision === "deny") return denied(pre.permissionDecisionReason);
  if (output.decision === "block") return denied(output.reason);
  let input = pre.updatedInput ?? params;
  if (asks && pre.permissionDecision !== "allow") {
    const request = { subtype: "can_use_tool", tool_name: name, input, tool_use_id: id, agent_id };
    const permission = await ask(request);
    if (permission.subtype === "error") return denied(permission.error);
    if (permission.response.behavior === "deny") return denied(permission.response.message);
    input = permission.response.updatedInput ?? input;
  }
  const ran = { ...call, tool_input: input };
  const { text, error } = await execute({ id, name, input, response, isBackground: background });
  if (error !== undefined) {
    await hook("PostToolUseFailure", { ...ran, error, duration_ms: 1 });
    return told(error, true);
  }
  const post = await hook("PostToolUse", { ...ran, tool_response: text, duration_ms: 1 });
  if (post.continue === false) turn.stopReason = "hook_stopped";
  const shown = post.hookSpecificOutput?.updatedToolOutput ?? text;
  const content = typeof shown === "string" ? shown : JSON.stringify(shown);
  // Claude Code adds it as a reminder of the system.
  return told([content, pre.additionalContext ?? []].flat().join("\n\n"));
}

/** No hook is called for a task that a person stops. */
function stopped(task_id) {
  emit({
    type: "system",
    subtype: "task_notification",
    task_id,
    status: "stopped",
    output_file: "",
    summary: "Stopped",
  });
  return { text: "stopped" };
}

/** Runs a subagent, a tool of Claude Code, or a tool of the SDK's MCP server. */
async function execute({ id, name, input, response, isBackground }) {
  if (response !== undefined) return { text: response };
  if (name in subagents) {
    const agent = { agent_id: name, agent_type: name };
    await hook("SubagentStart", agent);
    const work = async () => {
      const text = await run(subagents[name], { ...agent, call: id });
      if (text === undefined) return stopped(name);
      const path = { agent_transcript_path: "", stop_hook_active: false };
      await hook("SubagentStop", { ...agent, ...path, last_assistant_message: text });
      return { text };
    };
    if (!isBackground) return await work();
    background.push(work);
    return { text: "started" };
  }
  const message = {
    jsonrpc: "2.0",
    id: ++total.requests,
    method: "tools/call",
    params: { name, arguments: input },
  };
  const { response: { mcp_response: { result, error } } } = await ask({
    subtype: "mcp_message",
    server_name: "tools",
    message,
  });
  if (error) return { error: error.message };
  const text = result.content.map(({ text }) => text).join("\n");
  return result.isError ? { error: text } : { text };
}

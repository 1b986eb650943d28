/**
 * A server that responds like Anthropic's Messages API by following a script, so Claude Code itself runs without
 * an API key. It calls the tool `mcp__bank__pay` with 7, then with 700.
 *
 *   node fake_messages_api.mjs &
 *   ANTHROPIC_BASE_URL=http://127.0.0.1:8788 ANTHROPIC_API_KEY=none node agent.mjs
 */
import { createServer } from "node:http";
import process from "node:process";
import { pathToFileURL } from "node:url";

/** The server's responses, in order: tool calls, or a text. */
const SCRIPT = [
  { name: "mcp__bank__pay", input: { amount: 7 } },
  { name: "mcp__bank__pay", input: { amount: 700 } },
  { text: "Paid 7, but not 700" },
];

/**
 * Starts the server. Resolves to its address, the requests it received, and a function that closes it. A step of
 * the script is `{ text }`, or `{ name, input }` of a tool call.
 */
export async function startMessagesApi(script = SCRIPT, port = 0) {
  const steps = [...script];
  const requests = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const isMessage = new URL(request.url, "http://localhost").pathname === "/v1/messages";
    if (!isMessage) return response.writeHead(404).end();
    const params = JSON.parse(body);
    requests.push(params);
    // Requests without tools are those of Claude Code itself, such as for a title.
    const step = params.tools?.length > 0 ? steps.shift() : undefined;
    respond(response, params, blockOf(step ?? { text: "" }, requests.length));
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, requests, close };
}

function blockOf({ text, name, input }, number) {
  if (name === undefined) return { type: "text", text };
  return { type: "tool_use", id: `toolu_${number}`, name, input };
}

/** Responds with one block of content, as a stream of events if that was asked for. */
function respond(response, { model, stream }, block) {
  const isText = block.type === "text";
  const stop = { stop_reason: isText ? "end_turn" : "tool_use", stop_sequence: null };
  const usage = { input_tokens: 3, output_tokens: 5 };
  const id = `msg_${crypto.randomUUID()}`;
  const message = { id, type: "message", role: "assistant", model, usage };
  if (!stream) {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ ...message, content: [block], ...stop }));
    return;
  }
  const empty = isText ? { ...block, text: "" } : { ...block, input: {} };
  const delta = isText
    ? { type: "text_delta", text: block.text }
    : { type: "input_json_delta", partial_json: JSON.stringify(block.input) };
  const open = { stop_reason: null, stop_sequence: null };
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (
    const event of [
      { type: "message_start", message: { ...message, content: [], ...open } },
      { type: "content_block_start", index: 0, content_block: empty },
      { type: "content_block_delta", index: 0, delta },
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: stop, usage },
      { type: "message_stop" },
    ]
  ) response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  response.end();
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { url } = await startMessagesApi(SCRIPT, 8788);
  console.log(`The Messages API: ANTHROPIC_BASE_URL=${url}`);
}

import assert from "node:assert/strict";
import fc from "../../support/fast_check.ts";
import { readServerEvents, type ServerEvent } from "../../../src/cli/event_stream.ts";
import { test } from "../../support/harness.ts";

type Parsed = Partial<ServerEvent>;

/** What the HTML Living Standard (9.2.6) makes of a stream. */
const cases: readonly (readonly [text: string, messages: readonly Parsed[]])[] = [
  ["data: a\n\n", [{ name: "message", data: "a" }]],
  ["data:a\r\rdata: b\r\n\r\n", [{ data: "a" }, { data: "b" }]],
  ["data\n\ndata\ndata\n\ndata:", [{ data: "" }, { data: "\n" }]],
  ["data:  a\n\n", [{ data: " a" }]],
  ["data: a: b\n\n", [{ data: "a: b" }]],
  ["event: x\ndata: a\n\ndata: b\n\n", [{ name: "x" }, { name: "message" }]],
  ["event: x\n\ndata: b\n\n", [{ data: undefined }, { name: "message", data: "b" }]],
  ["id: 7\n\ndata: a\n\n", [{ data: undefined, id: "7" }, { data: "a", id: "7" }]],
  ["id: 7\ndata: a\n\nid\ndata: b\n\n", [{ id: "7" }, { id: "" }]],
  ["id: 7\n\nid: 8\0\n\n", [{ id: "7" }, { id: "7" }]],
  ["retry: 2000\n\nretry: 1e3\n\nretry: -1\n\nretry:\n\n", Array(4).fill({ retry: 2000 })],
  [": comment\nunknown: x\ndata: a\n\n", [{ data: "a" }]],
  ["\uFEFFdata: a\n\n", [{ data: "a" }]],
  ["\uFEFF\uFEFFdata: a\n\n", [{ data: undefined }]],
  ["data: a\n\nid: 9\ndata: cut", [{ data: "a", id: undefined }]],
  ["data: é日🎉\n\n", [{ data: "é日🎉" }]],
];

test("server-sent events are parsed as the HTML standard says", async () => {
  for (const [text, expected] of cases) {
    const messages = await parse([new TextEncoder().encode(text)]);
    assert.equal(messages.length, expected.length, JSON.stringify(text));
    messages.forEach((message, at) =>
      assert.deepEqual({ ...message, ...expected[at] }, message, JSON.stringify(text))
    );
  }
});

test("server-sent events are parsed the same wherever the stream is split", async () => {
  const piece = fc.constantFrom(
    ...["data", "id", "event", "retry", ":", ": ", " ", "\r", "\n", "\r\n", "\0", "1", "é", "🎉"],
    "\uFEFF",
  );
  const stream = fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join(""));
  const cuts = fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(stream, cuts, async (text, sizes) => {
      const bytes = new TextEncoder().encode(text);
      const parts: Uint8Array[] = [];
      for (let at = 0, cut = 0; at < bytes.length; cut++) {
        const size = sizes[cut % sizes.length]! + (cut % sizes.length === 0 ? 1 : 0);
        parts.push(bytes.slice(at, at + size));
        at += size;
      }
      assert.deepEqual(await parse(parts), reference(text));
    }),
    { numRuns: 500 },
  );
});

async function parse(parts: readonly Uint8Array[]): Promise<ServerEvent[]> {
  const found: ServerEvent[] = [];
  for await (const event of readServerEvents(ReadableStream.from(parts))) found.push(event);
  return found;
}

/** The algorithm of the standard, word for word, over whole text. */
function reference(text: string): ServerEvent[] {
  const found: ServerEvent[] = [];
  let [data, name] = ["", ""];
  let id: string | undefined;
  let retry: number | undefined;
  const lines = text.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n").replaceAll("\r", "\n")
    .split("\n");
  for (const line of lines.slice(0, -1)) {
    if (line === "") {
      const whole = data === "" ? undefined : data.slice(0, -1);
      found.push({ name: name || "message", data: whole, id, retry });
      [data, name] = ["", ""];
      continue;
    }
    const colon = line.indexOf(":");
    if (colon === 0) continue;
    const field = colon < 0 ? line : line.slice(0, colon);
    const rest = colon < 0 ? "" : line.slice(colon + 1);
    const value = rest.startsWith(" ") ? rest.slice(1) : rest;
    if (field === "event") name = value;
    if (field === "data") data += `${value}\n`;
    if (field === "id" && !value.includes("\0")) id = value;
    if (
      field === "retry" && value !== "" && [...value].every((digit) => "0123456789".includes(digit))
    ) {
      retry = Number(value);
    }
  }
  return found;
}

/** One of a stream of server-sent events. */
export type ServerEvent = {
  /** `message` unless it says otherwise. */
  readonly name: string;
  /** Its lines. */
  readonly data: string;
  /** The last id that the stream has told. */
  readonly id: string;
};

/**
 * Reads server-sent events (HTML Living Standard, 9.2.6). A last one that was cut off is dropped, as a
 * browser does it.
 */
export async function* readServerEvents(
  body: ReadableStream<Uint8Array>,
): AsyncIterable<ServerEvent> {
  let [name, id, data] = ["", "", [] as string[]];
  for await (const line of linesOf(body)) {
    if (line === "") {
      if (data.length > 0) yield { name: name || "message", data: data.join("\n"), id };
      [name, data] = ["", []];
      continue;
    }
    const [, field, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line)!;
    if (field === "event") name = value ?? "";
    else if (field === "data") data.push(value ?? "");
    else if (field === "id" && !value?.includes("\0")) id = value ?? "";
  }
}

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const part of body) {
    // A carriage return may be half of a line's end: it waits for what comes behind it.
    const lines = (rest + decoder.decode(part, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop()!;
    yield* lines;
  }
}

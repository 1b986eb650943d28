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
  let endedByReturn = false;
  for await (const part of body) {
    const text = decoder.decode(part, { stream: true });
    if (text === "") continue;
    // The line feed of a line's end that was cut in two.
    const begun = endedByReturn && text.startsWith("\n") ? text.slice(1) : text;
    endedByReturn = text.endsWith("\r");
    const lines = (rest + begun).split(/\r\n|\n|\r/);
    rest = lines.pop()!;
    yield* lines;
  }
}

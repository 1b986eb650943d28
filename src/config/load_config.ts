import { constructFromEvents, type Event, EVENT_ID, parseEvents, YAMLException } from "js-yaml";
import { show } from "../core/mod.ts";
import { checkConfig } from "./_check_config.ts";
import { decode } from "./_decode.ts";
import { codeFrame, type Mask, maskOf, maskOfWords } from "./_frame.ts";
import { checkOptions, toIssue } from "./_issues.ts";
import { Lines } from "./_lines.ts";
import type { Fault } from "./_reader.ts";
import { MAX_ALIASES, MAX_DEPTH, yamlProblem } from "./_yaml_faults.ts";
import { buildTree, follow, type Node, type Place } from "./_yaml_tree.ts";
import type { ConfigOptions, HooksConfig } from "./config.ts";
import { ConfigError, type ConfigIssue } from "./config_error.ts";

/**
 * Reads a configuration from YAML 1.2 (of which JSON is a part), and puts variables in.
 *
 * Text of more than 256 KiB is refused, and so are tags, merge keys, several documents, more than 20 aliases
 * and more than 50 levels. Bytes have to be UTF-8.
 *
 * ```ts
 * import { createHooks } from "@omniagent/hooks";
 * import { hooksFromConfig } from "@omniagent/hooks/config";
 * import { loadConfig } from "@omniagent/hooks/config/yaml";
 *
 * const text = `
 * hooks:
 *   webhooks:
 *     - name: audit
 *       events: [tool.*, message.sent]
 *       url: https://\${HOST}/events
 *       timeout: 5s
 * `;
 * const config = loadConfig(text, { env: { HOST: "audit.example.com" }, file: "hooks.yaml" });
 * const hooks = createHooks({ use: hooksFromConfig(config) });
 * await hooks.close();
 * ```
 *
 * @throws {ConfigError} with the first fault of the syntax, or with every other fault in the order of the text
 * @throws {TypeError} when an argument is ill-formed
 */
export function loadConfig(text: string | Uint8Array, options: ConfigOptions): HooksConfig {
  const subject = "Cannot load a configuration";
  if (typeof text !== "string" && !(text instanceof Uint8Array)) {
    throw new TypeError(
      `${subject} as its text must be a string or bytes: current value is ${show(text)}`,
    );
  }
  checkOptions(subject, options);
  const source = decode(text);
  if (typeof source !== "string") throw new ConfigError([toIssue(source)], options.file);
  const lines = new Lines(source);
  const { events, value } = parse(source, lines, options.file);
  const tree = buildTree(source, events, (at) => lines.lineOf(at));
  const { config, faults, shown } = checkConfig(value, options.env);
  const all = [
    ...tree.faults,
    ...faults.map((fault) => ({ ...fault, place: placeOf(tree.root, fault) })),
  ];
  if (all.length === 0) return config;
  const mask = maskOf(source, tree, shown);
  all.sort((a, b) => a.place.start - b.place.start);
  throw new ConfigError(
    all.map((fault) => withPlace(toIssue(fault), source, lines, mask, fault.place)),
    options.file,
  );
}

function parse(
  source: string,
  lines: Lines,
  file: string | undefined,
): { readonly events: readonly Event[]; readonly value: unknown } {
  const fail = (fault: Omit<Fault, "path">, at: number): never => {
    const place = { start: Math.min(at, source.length), end: Math.min(at, source.length) + 1 };
    const issue = toIssue({ ...fault, path: [] });
    throw new ConfigError([withPlace(issue, source, lines, maskOfWords(source), place)], file);
  };
  try {
    const events = parseEvents(source, { maxDepth: MAX_DEPTH });
    // Keys that are there twice are reported with the other faults.
    const documents = constructFromEvents(events, { source, json: true, maxAliases: MAX_ALIASES });
    if (documents.length <= 1) return { events, value: documents[0] ?? null };
    return fail({ code: "syntax", problem: "holds several documents: leave one" }, second(events));
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    // The error holds the text, secrets included, and so does not become a cause.
    const at = error.mark?.position ?? 0;
    return fail(yamlProblem(error.reason, source, at), at);
  }
}

/** Where the second document begins. */
function second(events: readonly Event[]): number {
  const from = events.findLastIndex(({ type }) => type === EVENT_ID.DOCUMENT);
  const event = events[from + 1]!;
  if (event.type === EVENT_ID.SCALAR) return Math.max(0, event.valueStart);
  return "start" in event ? event.start : 0;
}

function placeOf(root: Node | undefined, { path, on }: Fault): Place {
  if (root === undefined) return { start: 0, end: 0 };
  const { entry, nearest } = follow(root, path);
  if (entry === undefined) return nearest;
  return on === "key" && entry.key ? entry.key.place : entry.site;
}

function withPlace(
  issue: ConfigIssue,
  source: string,
  lines: Lines,
  mask: Mask,
  place: Place,
): ConfigIssue {
  const line = lines.lineOf(place.start);
  const column = place.start - lines.bounds(line).start + 1;
  return { ...issue, line, column, frame: codeFrame(source, lines, mask, place) };
}

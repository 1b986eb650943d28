import { constructFromEvents, type Event, EVENT_ID, parseEvents, YAMLException } from "js-yaml";
import { maskOfWords } from "./_frame.ts";
import { placedError } from "./_placed_error.ts";
import type { Source } from "./_source.ts";
import { MAX_ALIASES, MAX_DEPTH, yamlProblem } from "./_yaml_faults.ts";
import { buildTree, type PlacedFault, type Tree } from "./_yaml_tree.ts";
import type { ConfigError } from "./config_error.ts";

/** What a text says, and where. */
export interface Document {
  readonly value: unknown;
  readonly tree: Tree;
}

/** Reads a text that has to be one document of sound YAML. */
export function readYaml(source: Source, file: string | undefined): Document {
  const unsound = (faults: readonly PlacedFault[]): ConfigError =>
    placedError(source, maskOfWords(source.text), faults, file);
  try {
    const events = parseEvents(source.text, { maxDepth: MAX_DEPTH });
    const tree = buildTree(source, events);
    const faults = [...severalDocuments(events), ...tree.unsound];
    if (faults.length > 0) throw unsound(faults);
    const [value = null] = constructFromEvents(events, {
      source: source.text,
      json: true, // keys that are there twice are reported with the other faults
      maxAliases: MAX_ALIASES,
    });
    return { value, tree };
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    // The error holds the text, secrets included, and so does not become a cause.
    const after = error.mark?.position ?? 0;
    const at = /[*&]/.test(source.text[after - 1] ?? "") ? after - 1 : after;
    const place = { start: at, end: at + 1 };
    throw unsound([{ ...yamlProblem(error.reason, source.text, after), path: [], place }]);
  }
}

function severalDocuments(events: readonly Event[]): PlacedFault[] {
  const isDocument = ({ type }: Event) => type === EVENT_ID.DOCUMENT;
  const second = events.findIndex((event, i) => i > 0 && isDocument(event));
  if (second < 0) return [];
  const next = events[second + 1]!;
  const start = "start" in next
    ? next.start
    : "valueStart" in next
    ? Math.max(0, next.valueStart)
    : 0;
  const problem = "holds several documents: leave one";
  return [{ code: "syntax", path: [], problem, place: { start, end: start + 1 } }];
}

import { closest } from "../internal/validate.ts";
import { filterPathPattern } from "../webhook/filter.ts";
import { list } from "./formats.ts";
import type { RecordSchema } from "./schema.ts";

/** Fields of an event whose names differ between files and code. */
const FILTER_FIELDS = [
  { file: "session_id", code: "sessionId" },
  { file: "run_id", code: "runId" },
] as const;

/** Returns a path of a filter in code as it is written in a file. */
export function filterPathInFile(path: string): string {
  return FILTER_FIELDS.find(({ code }) => code === path)?.file ?? path;
}

/** The filter of a webhook: what its payloads must contain. */
export const filter: RecordSchema = {
  type: "record",
  accepted: "a mapping of paths to accepted values",
  key: {
    accepted: "a path such as data.name, type, id, session_id or run_id",
    pattern: new RegExp(filterPathPattern("session_id|run_id"), "u"),
    describeProblem: (key) =>
      /^data\..*\\/.test(key)
        ? "has a backslash that escapes neither a dot nor a backslash: write \\\\ for a backslash"
        : "is not a path of an event: use data, data.name and the like, type, id, session_id or run_id",
    suggest: (key) => {
      const inData = /^[\w-]+(\.[\w-]+)*$/.test(key) ? `data.${key}` : undefined;
      return { suggestion: closest(key, ["data", "type", "id", "session_id", "run_id"]) ?? inData };
    },
  },
  values: {
    type: "union",
    accepted: "a value or a list of values",
    list: list({ type: "any" }, "values", 1, 256),
    other: { type: "any" },
  },
  max: 100,
  examples: [{ "data.name": ["bash", "git_*"] }],
  rename: (key) => FILTER_FIELDS.find(({ file }) => file === key)?.code ?? key,
};

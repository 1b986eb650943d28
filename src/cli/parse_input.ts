import { parseJson } from "../internal/json_text.ts";
import { CommandError } from "./command_error.ts";
import { printable } from "./style.ts";

/**
 * Parses JSON from the user; undefined if it is not JSON. Rejects numbers that a double would change,
 * because the request is serialized again and would send a different number. In an event, only its data
 * is checked.
 *
 * @throws {CommandError} naming such numbers by path
 */
export function parseInput(json: string, what: "the data" | `line ${number}`): unknown {
  const { value, issues } = parseJson(json);
  const faults = what === "the data" ? issues : issues.filter(({ path }) => path?.[0] === "data");
  if (value === undefined || faults.length === 0) return value;
  const details = faults.map(({ message, path = [] }) =>
    printable(`${path.map((key) => `/${String(key)}`).join("") || "it"} ${message}`)
  );
  throw new CommandError(`Cannot send ${what}`, details, 2);
}

import { parseJson } from "../core/kit.ts";
import { CommandError } from "./command_error.ts";
import { printable } from "./style.ts";

/**
 * Parses JSON that the user gave; undefined if it is not JSON. Numbers are checked before they are sent:
 * a request is written anew, and one that a double would change would arrive as another. Of an event
 * they matter in its data.
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

/**
 * The index of decisions: a key for each `gate.decided`, grouped by outcome, gates, and tool, so that filters
 * can tell the groups apart. A list reads only the groups that it needs, no matter how many events lie
 * between.
 *
 * @module
 */
import type { GateDecidedData, WireEvent } from "../core/mod.ts";
import { sha256HexOf } from "../internal/sha256.ts";
import { NAME_PATTERN } from "../internal/validate.ts";

/** Outcomes, as in filters and in keys. */
export const OUTCOMES: readonly string[] = ["allowed", "denied", "asked", "error"];

/** The maximum size of a part of a key, in bytes. A longer part is stored as its digest. */
const MAX_PART = 256;

/** Printable ASCII, which sorts the same everywhere and takes a byte per character. */
const PRINTABLE = /^[ -~]*$/;

/** The first character of a digest. No printable text begins with it. */
const DIGEST = "\u0001";

/** Separates the names of gates, none of which contains it. */
const SEPARATOR = ",";

/** Returns the group of an event in the index; undefined for one that isn't a decision. */
export function decisionGroup({ type, data }: WireEvent): readonly string[] | undefined {
  if (type !== "gate.decided") return undefined;
  const { outcome = "", gates, name } = Object(data) as Partial<GateDecidedData>;
  return [OUTCOMES.includes(outcome) ? outcome : "", gatesPart(gates), toolPart(name)];
}

function gatesPart(gates: unknown): string {
  const names = Array.isArray(gates) ? gates.map((gate) => Object(gate).name) : [];
  const text = [...new Set(names)].sort().join(SEPARATOR);
  const isNamed = names.every((name) => typeof name === "string" && NAME_PATTERN.test(name));
  return isNamed && text.length <= MAX_PART ? text : DIGEST + sha256HexOf(text);
}

/** Returns the part of a key for the name of a tool. */
export function toolPart(name: unknown): string {
  if (typeof name !== "string") return "";
  return PRINTABLE.test(name) && name.length <= MAX_PART ? name : DIGEST + sha256HexOf(name);
}

/** Returns whether the gates of a part may include one: a digest doesn't name its gates. */
export function mayInclude(gates: string, gate: string): boolean {
  return gates.startsWith(DIGEST) || gates.split(SEPARATOR).includes(gate);
}

import { isEventType, parseTime, TYPE_RULE } from "../core/event_rules.ts";
import { parseMediaType } from "../internal/http_fields.ts";
import type { Faults } from "./_cloudevents_faults.ts";

/** The version of the specification; its patch level is not in it (CloudEvents 1.0.2, `specversion`). */
export const SPEC_VERSION = "1.0";

/** Context attributes by name. One that is undefined is there but can't be read: a fault already. */
export type Attributes = ReadonlyMap<string, unknown>;

type Rule = readonly [holds: (text: string) => boolean, message: string];

const SCHEME = /^[a-z][a-z0-9+.-]*:/i;
const NOT_EMPTY: Rule = [(text) => text !== "", "must not be empty"];
const REQUIRED = ["specversion", "id", "source", "type"];
const RULES: ReadonlyMap<string, Rule> = /* @__PURE__ */ new Map([
  ["specversion", [(text) => text === SPEC_VERSION, `must be '${SPEC_VERSION}'`]],
  ["id", NOT_EMPTY],
  ["source", [isUriReference, "must be a URI-reference that is not empty"]],
  ["type", [isEventType, TYPE_RULE]],
  ["time", [(text) => parseTime(text) !== undefined, "must be an RFC 3339 time"]],
  ["subject", NOT_EMPTY],
  ["dataschema", [(text) => SCHEME.test(text) && isUriReference(text), "must be an absolute URI"]],
  ["datacontenttype", [(text) => parseMediaType(text) !== undefined, "must be a media type"]],
]);

/** Notes everything that is wrong with the attributes of one event. */
export function checkAttributes(attributes: Attributes, faults: Faults): void {
  for (const name of REQUIRED) {
    if (!attributes.has(name)) faults.add("is missing", name);
  }
  for (const [name, value] of attributes) {
    if (value === undefined) continue;
    const rule = RULES.get(name);
    const fault = rule ? findFault(value, rule) : findExtensionFault(name, value);
    if (fault !== undefined) faults.add(fault, name);
  }
}

function findFault(value: unknown, [holds, message]: Rule): string | undefined {
  return findTextFault(value) ?? (holds(value as string) ? undefined : message);
}

/** Extensions have the names and the types of the specification's own attributes. */
function findExtensionFault(name: string, value: unknown): string | undefined {
  if (!/^[a-z0-9]+$/.test(name)) return "is no attribute name: [a-z0-9] alone make one";
  if (name === "data") return "is no attribute name: it is reserved"; // only a header can say so
  if (typeof value === "string") return findTextFault(value);
  const isInteger = typeof value === "number" && (value | 0) === value; // 32 bits, signed
  if (isInteger || typeof value === "boolean") return undefined;
  return "must be a string, a boolean or an integer of 32 bits";
}

/** What keeps a text from being the value of an attribute (CloudEvents 1.0.2, "Type System"). */
export function findTextFault(text: unknown): string | undefined {
  if (typeof text !== "string") return "must be a string";
  if (!/[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u.test(text)) return undefined;
  return "must have no control characters, lone surrogates or noncharacters";
}

/** Whether a text is spelled as a URI-reference (RFC 3986, section 4.1), and not empty. */
export function isUriReference(text: unknown): boolean {
  if (typeof text !== "string" || text === "") return false;
  if (/[^\w.~:/?#[\]@!$&'()*+,;=%-]|%(?![0-9a-f]{2})/i.test(text)) return false;
  if (text.indexOf("#") !== text.lastIndexOf("#")) return false;
  const [start = ""] = text.split(/[/?#]/, 1);
  return !start.includes(":") || SCHEME.test(start); // before the first slash a colon ends a scheme
}

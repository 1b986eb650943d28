/**
 * Values made of a JSON schema, right ones and wrong ones, by a generator that can be run again.
 * @module
 */
import type { Random } from "../../support/random.ts";

/** As much of JSON Schema as the contract has. */
export type JsonSchema = {
  readonly type?: string;
  readonly pattern?: string;
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly JsonSchema[];
};

/** A number that JSON.stringify would not write so. */
class RawJson {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const SAMPLES: Readonly<Record<string, readonly string[]>> = {
  "^[a-z0-9_]+(\\.[a-z0-9_]+)*$": ["tool.called", "message.sent", "a", "0._", "x".repeat(128)],
  "^(\\*|[a-z0-9_]+(\\.[a-z0-9_]+)*)$": ["*", "tool.called", "a"],
  "^[a-z0-9_]+(\\.[a-z0-9_]+)*\\.\\*$": ["tool.*", "a.*"],
};

/** A value that a schema allows; at its bounds more often than not. `marker` is in what is free. */
export function rightValue(schema: JsonSchema, random: Random, marker: string): unknown {
  if (schema.anyOf) return rightValue(random.pick(schema.anyOf), random, marker);
  if (schema.enum) return random.pick(schema.enum);
  if (schema.const !== undefined) return schema.const;
  switch (schema.type) {
    case "boolean":
      return random.chance(0.5);
    case "number":
    case "integer":
      return rightNumber(schema, random);
    case "string":
      return rightText(schema, random, marker);
    case "array": {
      const { minItems = 0, maxItems = 5, items = {} } = schema;
      const most = random.chance(0.03) ? maxItems : Math.min(maxItems, 4);
      const length = minItems + random.below(most - minItems + 1);
      return Array.from({ length }, () => rightValue(items, random, marker));
    }
    case "object":
      return rightObject(schema, random, marker);
    default:
      return anyValue(random, marker, 4);
  }
}

function rightNumber({ minimum = 0, maximum = 1000 }: JsonSchema, random: Random): number {
  return random.pick([
    minimum,
    maximum,
    minimum + random.below(Math.min(50, maximum - minimum + 1)),
  ]);
}

function rightText(schema: JsonSchema, random: Random, marker: string): string {
  const { pattern, format, minLength = 0, maxLength = 40 } = schema;
  if (format === "date-time") {
    return random.pick([
      "2026-04-22T10:30:00Z",
      "1970-01-01T00:00:00.000Z",
      "9999-12-31T23:59:59Z",
      "2026-12-31T23:59:59.999999999+14:00",
      "2030-01-01T00:00:00-12:00",
    ]);
  }
  if (format === "uri-reference") return random.pick(["/a", "urn:a:b", "https://a.example/?b#c"]);
  if (pattern !== undefined) return random.pick(SAMPLES[pattern] ?? [marker, "a", "audit"]);
  const text = random.pick([
    marker,
    `${marker}é`,
    "💣",
    "\u2028 ",
    "<script>",
    "a".repeat(maxLength),
  ]);
  return text.slice(0, Math.max(minLength, maxLength)).padEnd(minLength, "a");
}

function rightObject(schema: JsonSchema, random: Random, marker: string): unknown {
  const { properties = {}, required = [] } = schema;
  const object: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(properties)) {
    if (!required.includes(name) && random.chance(0.6)) continue;
    object[name] = rightValue(property, random, marker);
  }
  return object;
}

/** Any JSON, within some depth. */
export function anyValue(random: Random, marker: string, depth: number): unknown {
  const kind = random.below(depth > 0 ? 8 : 5);
  if (kind === 0) return null;
  if (kind === 1) return random.chance(0.5);
  if (kind === 2) return random.pick([0, -0, 1.5, -1, 2 ** 53, 1e308, 5e-324]);
  if (kind < 5) {
    return random.pick([marker, "", "\u0000", "\ud800", "__proto__", "💣", "é".repeat(50)]);
  }
  const count = random.below(4);
  if (kind === 5) return Array.from({ length: count }, () => anyValue(random, marker, depth - 1));
  return Object.fromEntries(Array.from({ length: count }, () => [
    random.pick(["__proto__", "constructor", "toJSON", "a", marker, "", "data"]),
    anyValue(random, marker, depth - 1),
  ]));
}

/** A value that is likely to be wrong. */
export function wrongValue(random: Random, marker: string): unknown {
  return random.pick<() => unknown>([
    () => anyValue(random, marker, 3),
    () => new RawJson("1e400"),
    () => new RawJson("-123456789012345678901234567890.5e10"),
    () => new RawJson("[".repeat(70) + "]".repeat(70)),
    () => new RawJson("[".repeat(20_000) + "]".repeat(20_000)),
    () => new RawJson(`{"${marker}":1,"${marker}":2}`),
    () => new RawJson('{"__proto__":{"__proto__":null}}'),
    () => new RawJson('"\\ud800\\udfff\\ud800"'),
    () => new RawJson('"\\u0000"'),
    () => marker.repeat(300),
    () => -1,
    () => 1e21,
  ])();
}

/** JSON as it is sent. */
export function toText(value: unknown): string {
  if (value instanceof RawJson) return value.text;
  if (Array.isArray(value)) return `[${value.map(toText).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).map(([key, field]) =>
      `${JSON.stringify(key)}:${toText(field)}`
    );
    return `{${fields.join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}

/**
 * Values that a JSON Schema of the contract allows, at their bounds as often as between them.
 * @module
 */
import fc from "../support/fast_check.ts";

/** A JSON object. */
export type Json = Readonly<Record<string, unknown>>;

/** Values of a schema. */
export function arbitraryOf(schema: Json): fc.Arbitrary<unknown> {
  const { anyOf, type, properties } = schema;
  if (anyOf) return fc.oneof(...(anyOf as readonly Json[]).map(arbitraryOf));
  if (schema.enum) return fc.constantFrom(...schema.enum as readonly unknown[]);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (Array.isArray(type)) {
    return fc.oneof(...type.map((type) => arbitraryOf({ ...schema, type })));
  }
  switch (type) {
    case "null":
      return fc.constant(null);
    case "boolean":
      return fc.boolean();
    case "number":
      return numbers(schema);
    case "integer":
      return integers(schema);
    case "string":
      return texts(schema);
    case "array": {
      const { items = {}, minItems: minLength = 0, maxItems = 4 } = schema as {
        readonly items?: Json;
        readonly minItems?: number;
        readonly maxItems?: number;
      };
      return fc.array(arbitraryOf(items), { minLength, maxLength: Math.min(maxItems, 4) });
    }
    case "object":
      return properties || schema.allOf ? objects(schema) : fc.dictionary(keys, values);
    default:
      return values;
  }
}

/** Any text, with control characters and characters beyond the BMP. Lone surrogates are no text. */
const unicode = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.constantFrom(
    "\u0000",
    "\u0085",
    "\u009f",
    "\u2028",
    "é".repeat(130),
    "😀".repeat(256),
    "__proto__",
  ),
);
const keys = fc.string({ maxLength: 10 });

/** Any JSON within the documented limits: no integers beyond 2^53, not too deep. */
const { values } = fc.letrec<{ values: unknown; leaf: unknown }>((tie) => ({
  leaf: fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e15, max: 1e15 }),
    unicode,
  ),
  values: fc.oneof(
    { depthSize: "small" },
    tie("leaf"),
    fc.array(tie("values"), { maxLength: 3 }),
    fc.dictionary(keys, tie("values"), { maxKeys: 3 }),
  ),
}));

function numbers({ minimum = -1e15, maximum = 1e15 }: Json): fc.Arbitrary<number> {
  const [min, max] = [minimum as number, maximum as number];
  const between = fc.double({ noNaN: true, noDefaultInfinity: true, min, max });
  return fc.oneof(fc.constantFrom(min, max), between);
}

function integers({ minimum = 0, maximum = 1e6 }: Json): fc.Arbitrary<number> {
  const [min, max] = [minimum as number, maximum as number];
  return fc.oneof(fc.constantFrom(min, max), fc.integer({ min, max: Math.min(max, 1000) }));
}

function texts(schema: Json): fc.Arbitrary<string> {
  const { pattern, format, minLength = 0, maxLength = Infinity } = schema as {
    readonly pattern?: string;
    readonly format?: string;
    readonly minLength?: number;
    readonly maxLength?: number;
  };
  if (format === "date-time") return times;
  if (format === "uri") return fc.webUrl();
  if (format === "uri-reference") {
    return fc.oneof(fc.webUrl({ withFragments: true, withQueryParameters: true }), fc.webPath())
      .filter((text) => text !== "");
  }
  const rule = pattern === undefined ? undefined : new RegExp(pattern, "u");
  const made = rule === undefined || /^\^\[\^/.test(pattern!)
    ? fc.oneof(unicode, fc.string({ unit: "grapheme-composite", minLength: 1, maxLength: 256 }))
    : fc.stringMatching(rule);
  const longest = fc.constantFrom("a", "é", "😀").map((unit) =>
    unit.repeat(Math.min(maxLength, 4096))
  );
  return fc.oneof({ weight: 4, arbitrary: made }, longest).filter((text) => {
    const { length } = [...text];
    return length >= minLength && length <= maxLength && (rule?.test(text) ?? true) &&
      !(rule && NONCHARACTER.test(text) && pattern!.includes("fdd0"));
  });
}

/** The documents say so in words: no dialect of patterns has them beyond the BMP. */
const NONCHARACTER = /\p{Noncharacter_Code_Point}/u;

const times = fc.record({
  time: fc.date({
    min: new Date("0001-01-01T00:00:00Z"),
    max: new Date("9998-12-31T00:00:00Z"),
    noInvalidDate: true,
  }),
  offset: fc.constantFrom("Z", "z", "+00:00", "-23:59", "+14:00"),
  fraction: fc.constantFrom("", ".1", ".123456789"),
}).map(({ time, offset, fraction }) => time.toISOString().slice(0, 19) + fraction + offset);

/** Payloads of agent events follow from the type. */
function objects(schema: Json): fc.Arbitrary<unknown> {
  const { properties = {}, required = [], allOf = [] } = schema as {
    readonly properties?: Readonly<Record<string, Json>>;
    readonly required?: readonly string[];
    readonly allOf?: readonly Rule[];
  };
  const entries = Object.entries(properties).map(([name, value]) => [name, arbitraryOf(value)]);
  const free = fc.record<Record<string, unknown>, string>(Object.fromEntries(entries), {
    requiredKeys: [...required],
  });
  if (allOf.length === 0) return free;
  const types = new Set(allOf.map((rule) => rule.if.properties.type.const));
  const agent = allOf.map((rule) =>
    fc.tuple(free, arbitraryOf(rule.then.properties.data))
      .map(([event, data]) => ({ ...event as Json, type: rule.if.properties.type.const, data }))
  );
  const others = free.filter((event) => !types.has((event as { type: string }).type));
  return fc.oneof({ weight: 3, arbitrary: others }, ...agent);
}

type Rule = {
  readonly if: { readonly properties: { readonly type: { readonly const: string } } };
  readonly then: { readonly properties: { readonly data: Json } };
};

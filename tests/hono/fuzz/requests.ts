/**
 * Requests made of the contract: right ones, wrong ones, and some that have nothing to do with it.
 * @module
 */
import type { Random } from "../../support/random.ts";
import { type JsonSchema, rightValue, toText, wrongValue } from "./values.ts";

type Parameter = {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly schema: JsonSchema;
  readonly example?: unknown;
};

/** One operation of the contract. */
export type Operation = {
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly bodies: Readonly<
    Record<string, { readonly schema: JsonSchema; readonly example: unknown }>
  >;
  readonly statuses: readonly string[];
};

/**
 * The operations of a contract, by default all but those of webhooks, whose responses repeat what was sent:
 * see `webhooks_test.ts`.
 */
export function operationsOf(
  document: unknown,
  isWanted: (path: string) => boolean = (path) => !path.startsWith("/webhooks"),
): readonly Operation[] {
  const { paths } = document as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, RawOperation>>>>;
  };
  const wanted = Object.entries(paths).filter(([path]) => isWanted(path));
  return wanted.flatMap(([path, item]) =>
    Object.entries(item).map(([method, { parameters = [], requestBody, responses }]) => ({
      method: method.toUpperCase(),
      path,
      parameters,
      bodies: requestBody?.content ?? {},
      statuses: Object.keys(responses).filter((status) => status !== "default"),
    }))
  );
}

type RawOperation = {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Operation["bodies"] };
  readonly responses: Readonly<Record<string, unknown>>;
};

/** What is sent. */
export type FuzzRequest = {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer> | undefined;
};

/** Values that exist, for paths. */
export type Known = { readonly id: readonly string[]; readonly target: readonly string[] };

/** How wrong a request is. */
type Wrongness = "right" | "wrong" | "noise";

/** A request for an operation. `marker` is wherever a value is free. */
export function requestFor(
  operation: Operation,
  random: Random,
  marker: string,
  known: Known,
  wrongness: Wrongness,
): FuzzRequest {
  const isWrong = wrongness !== "right";
  const spoil = (share: number): boolean => isWrong && random.chance(share);
  const query = new URLSearchParams();
  const headers: Record<string, string> = {};
  let path = operation.path;
  for (const { name, in: place, schema } of operation.parameters) {
    const value = spoil(0.3) ? wrongValue(random, marker) : rightValue(schema, random, marker);
    const text = typeof value === "string" ? value : toText(value);
    if (place === "path") {
      const real = spoil(0.3) ? text : random.pick(known[name as keyof Known]);
      path = path.replace(`{${name}}`, encodeURIComponent(wellFormed(real)).slice(0, 3000));
    } else if (place === "query") {
      // A cursor can't be made up.
      if (random.chance(0.3) && (isWrong || name !== "cursor")) {
        query.append(name, wellFormed(text));
      }
      if (spoil(0.03)) query.append(name, marker);
    } else if (spoil(0.2)) headers[name] = text.replace(/[^\x20-\xff]/g, "?").slice(0, 300);
  }
  if (spoil(0.05)) query.append(marker, marker);
  if (wrongness === "noise") {
    path = random.pick([path, `${path}/${marker}`, `//${path}`, "/%00", "/%ff"]);
  }
  const body = bodyFor(operation, random, marker, spoil, headers);
  if (spoil(0.02)) headers["x-much"] = marker.repeat(3000);
  const search = query.size > 0 ? `?${query}` : "";
  const noise = wrongness === "noise" && random.chance(0.3);
  const method = noise
    ? random.pick(["PUT", "DELETE", "OPTIONS", "PATCH", "GET"])
    : operation.method;
  return {
    method,
    path: `${path}${search}`,
    headers,
    body: method === "GET" ? undefined : body,
  };
}

const TYPES = [
  "text/plain",
  "application/json;charset=latin1",
  "application/cloudevents+avro",
  "",
  "*/*",
  "application/cloudevents-batch+json",
  "application/cloudevents+json",
  "multipart/form-data",
];

function bodyFor(
  { bodies, method }: Operation,
  random: Random,
  marker: string,
  spoil: (share: number) => boolean,
  headers: Record<string, string>,
): Uint8Array<ArrayBuffer> | undefined {
  const types = Object.keys(bodies);
  if (types.length === 0) return method === "POST" && spoil(0.5) ? new Uint8Array(3) : undefined;
  const type = random.pick(types);
  headers["content-type"] = spoil(0.15) ? random.pick(TYPES) : type;
  const { schema, example } = bodies[type]!;
  let value = random.chance(0.2) ? example : rightValue(schema, random, marker);
  if (spoil(0.5)) value = spoilt(value, random, marker);
  let text = toText(value);
  if (spoil(0.05)) text = text.slice(0, random.below(text.length));
  if (spoil(0.05)) text = text.replace("{", `{"type":"${marker}","data":1,`);
  if (spoil(0.02)) text = `\ufeff${text}`;
  if (spoil(0.03)) text = text.padEnd(80_000, " ");
  const bytes = new TextEncoder().encode(text);
  if (spoil(0.05)) bytes.fill(0xff, random.below(bytes.length), bytes.length);
  return bytes;
}

/** The same value with one part of it wrong. */
function spoilt(value: unknown, random: Random, marker: string): unknown {
  if (typeof value !== "object" || value === null || random.chance(0.2)) {
    return wrongValue(random, marker);
  }
  const copy = Array.isArray(value) ? [...value] : { ...value } as Record<string, unknown>;
  const keys = [...Object.keys(copy), marker];
  const key = random.pick(keys) as keyof typeof copy;
  if (random.chance(0.2)) delete copy[key];
  else Object.assign(copy, { [key]: spoilt(copy[key], random, marker) });
  return copy;
}

function wellFormed(text: string): string {
  return text.replace(/\p{Cs}/gu, "\ufffd");
}

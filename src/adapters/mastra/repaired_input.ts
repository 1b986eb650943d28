import { isObject } from "../../internal/validate.ts";
import type { Repair } from "../params.ts";

/** The most parts of an input of which every combination is tried, and the most of which each is tried. */
const MAX_COMBINED = 6;
const MAX_TRIED = 64;

/**
 * Returns what Mastra makes of an input that a tool's schema rejects. It parses texts that should be lists or
 * objects, and leaves out fields that can't be null, which it finds by the issues of the schema. The schemas that its
 * agents have tell no issues: of the inputs that they accept, this is the one with the fewest changes.
 */
export async function repaired(params: unknown, accepts: Accepts): Promise<unknown> {
  if (!isObject(params)) {
    return params === undefined || params === null ? await firstOf([{}, []], accepts) : undefined;
  }
  const texts = Object.keys(params).filter((name) => parsedJson(params[name]) !== params[name]);
  const parsed = (names: readonly string[]): object => ({
    ...params,
    ...Object.fromEntries(names.map((name) => [name, parsedJson(params[name])])),
  });
  const { prompt, query, message, input } = params as { readonly [name: string]: unknown };
  const alias = [query, message, input].find((value) => typeof value === "string");
  const isAliased = (prompt ?? null) === null && alias !== undefined;
  return await firstOf(combined(texts).map(parsed), accepts) ??
    await withoutWrongNulls(params, accepts) ??
    await firstOf(isAliased ? [{ ...params, prompt: alias }] : [], accepts);
}

type Accepts = Parameters<Repair>[0];

async function firstOf(values: readonly unknown[], accepts: Accepts): Promise<unknown> {
  for (const value of values) if (await accepts(value)) return value;
  return undefined;
}

/** Returns an input that is accepted, without as few of its nulls as possible; undefined if none is. */
async function withoutWrongNulls(params: unknown, accepts: Accepts): Promise<unknown> {
  const paths = nullPathsIn(params);
  const without = (some: readonly string[]): unknown => {
    const left = new Set(some);
    return withoutNull(params, (path) => left.has(path));
  };
  if (!await accepts(without(paths))) return await firstOf(combined(paths).map(without), accepts);
  let wrong = paths;
  for (const path of paths.length > MAX_TRIED ? [] : paths) {
    const fewer = wrong.filter((other) => other !== path);
    if (await accepts(without(fewer))) wrong = fewer;
  }
  return without(wrong);
}

/** Returns the combinations of some names, the shortest first. Of many names, only each of them, and all, or only all. */
function combined(names: readonly string[]): readonly (readonly string[])[] {
  if (names.length > MAX_TRIED) return [names];
  if (names.length > MAX_COMBINED) return [...names.map((name) => [name]), names];
  const sets = names.reduce<readonly (readonly string[])[]>(
    (sets, name) => [...sets, ...sets.map((set) => [...set, name])],
    [[]],
  );
  return sets.slice(1).toSorted((one, other) => one.length - other.length);
}

/** Returns the list or object that a text is the JSON of; any other value unchanged. */
function parsedJson(value: unknown): unknown {
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function nullPathsIn(value: unknown): readonly string[] {
  const paths: string[] = [];
  withoutNull(value, (path) => paths.push(path) > 0);
  return paths;
}

/** Returns a value whose objects lack some of the fields that are null. */
function withoutNull(value: unknown, isLeft: (path: string) => boolean, path = ""): unknown {
  const at = (name: string | number): string => path === "" ? `${name}` : `${path}.${name}`;
  if (Array.isArray(value)) return value.map((part, index) => withoutNull(part, isLeft, at(index)));
  if (!isObject(value)) return value;
  const entries = Object.entries(value).filter(([name, part]) =>
    (part ?? null) !== null || !isLeft(at(name))
  );
  return Object.fromEntries(
    entries.map(([name, part]) => [name, withoutNull(part, isLeft, at(name))]),
  );
}

import * as v from "valibot";
import { parseTime } from "../core/event_rules.ts";
import { MAX_PAGE_SIZE, PAGE_SIZE } from "../internal/page_size.ts";
import type { Page } from "../outbox/mod.ts";
import { type AppContext, respondJson } from "./context.ts";
import { Problem, toProblem } from "./problems.ts";
import type { RouteResponse } from "./router.ts";
import * as s from "./schemas.ts";

/** The query parameters of every list. */
export const pageQuery = {
  limit: s.describe(
    s.integer(1, MAX_PAGE_SIZE),
    `Maximum number of items. Defaults to ${PAGE_SIZE}`,
    PAGE_SIZE,
  ),
  cursor: s.describe(
    s.cursor,
    "next_cursor of an earlier page, with the same other parameters. Opaque: don't construct one",
  ),
} as const;

/** Describes the response of `respondPage`. */
export function pageOf(name: string, item: s.Schema, example: unknown): RouteResponse {
  return {
    description: "A page. It may be empty although more follow",
    schema: s.object({ [name]: s.list(item), next_cursor: v.optional(s.cursor) }),
    example: { [name]: [example] },
    headers: { link: 'The next page, if there is one: <?…>; rel="next"' },
  };
}

/** Returns a filter with its times as dates. */
export function withTimes<
  Filter extends { readonly since?: string | undefined; readonly until?: string | undefined },
>({ since, until, ...filter }: Filter) {
  return { ...filter, since: parseTime(since), until: parseTime(until) };
}

/**
 * Calls an operation of the outbox that may continue at a cursor, which is at `pointer` in the request.
 *
 * @throws {Problem} when the cursor comes from elsewhere
 */
export async function withCursor<Result>(
  cursor: string | undefined,
  operation: () => Promise<Result>,
  pointer = "?cursor",
): Promise<Result> {
  try {
    return await operation();
  } catch (error) {
    const isArgument = error instanceof TypeError || error instanceof RangeError;
    if (!isArgument || cursor === undefined || toProblem(error) !== undefined) throw error;
    throw Problem.invalid({ pointer, detail: "must be next_cursor of an earlier response" });
  }
}

/** Returns the response of a page. Its link is relative, so that it works wherever the app is mounted. */
export function respondPage(
  c: AppContext,
  name: string,
  { cursor }: Page<unknown>,
  items: readonly unknown[],
): Response {
  if (cursor === undefined) return respondJson(c, 200, { [name]: items });
  const next = new URLSearchParams(new URL(c.req.raw.url).search);
  next.set("cursor", cursor);
  const headers = { link: `<?${next}>; rel="next"` };
  return respondJson(c, 200, { [name]: items, next_cursor: cursor }, headers);
}

/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
/**
 * The parts that the lists of the console share: reading, filters, and pages.
 *
 * @module
 */
import type { Child } from "hono/jsx";
import type { Page } from "../../outbox/mod.ts";
import { withCursor } from "../pages.ts";
import { EmptyState } from "./components.tsx";
import { link, type PageRequest, type Query } from "./request.ts";

/** Items on a page of the console. */
const PAGE = 50;
/** How long to look for them, in milliseconds: people would notice a longer wait. */
const READ_TIME = 500;

/** A page of a list in the console. */
export type ListPage<Item> = {
  readonly items: readonly Item[];
  /** Where the list continues; undefined at its end. */
  readonly cursor: string | undefined;
  /** Whether the page ended before it was full, although the list continues. */
  readonly isShort: boolean;
  /** Whether the filter is invalid, so that nothing was read. */
  readonly isWrong?: true;
};

/** The page of an invalid filter: a list of everything would look like the result. */
export const NOTHING_READ = {
  items: [],
  cursor: undefined,
  isShort: false,
  isWrong: true,
} as const;

/**
 * Reads the page of a list that a request asks for. If few items match its filter, the page has those that were
 * found in half a second, perhaps none, and a cursor.
 *
 * @throws {Problem} when the cursor comes from elsewhere
 */
export async function readPage<Item>(
  { query }: PageRequest,
  read: (position: { readonly limit: number; readonly cursor: string | undefined }) => Promise<
    Page<Item>
  >,
): Promise<ListPage<Item>> {
  const end = performance.now() + READ_TIME;
  const items: Item[] = [];
  let cursor = query.get("cursor") ?? undefined;
  do {
    const position = { limit: PAGE - items.length, cursor };
    const page = await withCursor(cursor, () => read(position));
    items.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== undefined && items.length < PAGE && performance.now() < end);
  return { items, cursor, isShort: cursor !== undefined && items.length < PAGE };
}

/** Renders a form that filters the list at `path`, with a link that clears the filter. */
export function FilterForm(
  { at, path, isFiltered, children }: {
    at: PageRequest;
    path: string;
    isFiltered: boolean;
    children?: Child;
  },
): Child {
  return (
    <form class="filter" method="get" action={link(at, path)}>
      {children}
      <button type="submit">Filter</button>
      {isFiltered && <a class="button" href={link(at, path)}>Clear</a>}
    </form>
  );
}

/** Renders a page of a list: its items, or why there are none, and links to other pages. */
export function List(
  { at, path, query, page, what, empty, children }: {
    at: PageRequest;
    path: string;
    /** The filter of the list. */
    query: Query;
    page: ListPage<unknown>;
    /** What the items are. */
    what: string;
    /** The message for an empty list. */
    empty: Child;
    /** The items. */
    children?: Child;
  },
): Child {
  const { items, cursor, isShort, isWrong = false } = page;
  return (
    <>
      {items.length > 0 && children}
      {isWrong && <EmptyState title="Correct the filter to see a list" />}
      {items.length === 0 && !isWrong && (isShort ? <NoMatchYet what={what} /> : empty)}
      <Pagination at={at} path={path} query={query} cursor={cursor} isShort={isShort} />
    </>
  );
}

/** Renders the message of a page that stopped looking before a match. `Pagination` has the link that continues. */
function NoMatchYet({ what }: { what: string }): Child {
  return (
    <EmptyState title="No match yet">
      <p>
        This page looked for half a second and found none. There are more {what}{" "}
        to look at: keep looking, or narrow the filter.
      </p>
    </EmptyState>
  );
}

/** Links to the first and to the next page of a list. */
export function Pagination(
  { at, path, query = {}, cursor, isShort = false }: {
    at: PageRequest;
    path: string;
    query?: Query;
    /** Where the next page begins; undefined on the last page. */
    cursor: string | undefined;
    /** Whether this page stopped looking before it was full. */
    isShort?: boolean;
  },
): Child {
  const isFirst = !at.query.has("cursor");
  if (isFirst && cursor === undefined) return null;
  return (
    <nav aria-label="Pages" class="pages">
      {!isFirst && <a class="button" href={link(at, path, query)}>First page</a>}
      {cursor !== undefined && (
        <a class="button" rel="next" href={link(at, path, { ...query, cursor })}>
          {isShort ? "Keep looking" : "Next page"}
        </a>
      )}
    </nav>
  );
}

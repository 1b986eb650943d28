import type { Page } from "../../outbox/mod.ts";
import { withCursor } from "../pages.ts";

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
};

/**
 * Reads a list until a page is full. If few items match its filter, the page has those that were found in half a
 * second, perhaps none, and a cursor.
 *
 * @throws {Problem} when the cursor comes from elsewhere
 */
export async function readPage<Item>(
  from: string | undefined,
  read: (position: { readonly limit: number; readonly cursor: string | undefined }) => Promise<
    Page<Item>
  >,
): Promise<ListPage<Item>> {
  const end = performance.now() + READ_TIME;
  const items: Item[] = [];
  let cursor = from;
  do {
    const position = { limit: PAGE - items.length, cursor };
    const page = await withCursor(cursor, () => read(position));
    items.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== undefined && items.length < PAGE && performance.now() < end);
  return { items, cursor, isShort: cursor !== undefined && items.length < PAGE };
}

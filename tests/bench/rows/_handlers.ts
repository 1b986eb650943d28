import type { Handler } from "./_hand_loop.ts";

/** The two kinds of handlers that are measured. */
export type HandlerKind = "sync" | "async";

/** What handlers leave behind: proof that they ran, which no compiler may remove. */
export const heard = { calls: 0 };

/** An async function with nothing to wait for: what is measured is the promise, not the waiting. */
const end = async (): Promise<void> => {};

/**
 * Five pieces of code, because a loop that calls one function again and again is compiled to a loop
 * without calls: true of no program that has handlers.
 */
const makers: Record<HandlerKind, readonly (() => Handler)[]> = {
  sync: [
    () => () => {
      heard.calls++;
    },
    () => (event) => {
      heard.calls += event.type.length > 0 ? 1 : 0;
    },
    () => ({ type }) => {
      if (type !== "") heard.calls += 1;
    },
    () => (event) => {
      if (event.id !== "") heard.calls++;
    },
    () => () => {
      heard.calls = heard.calls + 1;
    },
  ],
  async: [
    () => () => {
      heard.calls++;
      return end();
    },
    () => (event) => {
      heard.calls += event.type.length > 0 ? 1 : 0;
      return end();
    },
    () => ({ type }) => {
      if (type !== "") heard.calls += 1;
      return end();
    },
    () => (event) => {
      if (event.id !== "") heard.calls++;
      return end();
    },
    () => () => {
      heard.calls = heard.calls + 1;
      return end();
    },
  ],
};

/** Closures of which no two are the same. */
export function makeHandlers(kind: HandlerKind, count: number): Handler[] {
  return Array.from({ length: count }, (_, index) => makers[kind][index % 5]!());
}

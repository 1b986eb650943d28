import type { Handler } from "./_hand_loop.ts";

/** The two kinds of handlers that are measured. */
export type HandlerKind = "sync" | "async";

/** The side effect of handlers: proof that they ran, which no compiler may remove. */
export const received = { calls: 0 };

/** An async function that waits for nothing: the cost is that of the promise. */
const end = async (): Promise<void> => {};

/**
 * Five different functions, because a loop that calls one function is compiled to a loop without calls, which
 * no real program gets.
 */
const makers: Record<HandlerKind, readonly (() => Handler)[]> = {
  sync: [
    () => () => {
      received.calls++;
    },
    () => (event) => {
      received.calls += event.type.length > 0 ? 1 : 0;
    },
    () => ({ type }) => {
      if (type !== "") received.calls += 1;
    },
    () => (event) => {
      if (event.id !== "") received.calls++;
    },
    () => () => {
      received.calls = received.calls + 1;
    },
  ],
  async: [
    () => () => {
      received.calls++;
      return end();
    },
    () => (event) => {
      received.calls += event.type.length > 0 ? 1 : 0;
      return end();
    },
    () => ({ type }) => {
      if (type !== "") received.calls += 1;
      return end();
    },
    () => (event) => {
      if (event.id !== "") received.calls++;
      return end();
    },
    () => () => {
      received.calls = received.calls + 1;
      return end();
    },
  ],
};

/** Closures of which no two are the same. */
export function makeHandlers(kind: HandlerKind, count: number): Handler[] {
  return Array.from({ length: count }, (_, index) => makers[kind][index % 5]!());
}

import { decodeEvent, encodeEvent, type HookEvent, HookRegistry } from "@omniagent/hooks";
import { compare, type Operation } from "../sampler.ts";
import { event as small } from "./_event.ts";
import { HandLoop } from "./_hand_loop.ts";
import { makeHandlers } from "./_handlers.ts";
import type { Row } from "./row.ts";

/** 10 KB of nested JSON, like the result of a tool. */
const large: HookEvent = {
  ...small,
  data: {
    name: "search",
    params: { query: "hooks" },
    items: Array.from({ length: 70 }, (_, n) => ({
      id: n,
      title: `Result ${n} of the search`,
      score: 1 / (n + 1),
      source: { host: "example.com", path: `/documents/${n}`, tags: ["a", "b"] },
    })),
  },
};

/** The cost of the frozen copy that `emit` and `dispatch` make of a payload. */
export const dispatchCopyRows: readonly Row[] = [["small", small], ["10 KB", large]].flatMap(
  ([size, event]): Row[] => {
    const given = event as HookEvent;
    const name = `dispatch, ${size} payload`;
    return [
      {
        name,
        against: "JSON copy, hand loop",
        budget: { atMost: 2 },
        inside: () => compare(ours(given), byHand(given, jsonCopy)),
      },
      {
        name,
        against: "structuredClone, hand loop",
        inside: () => compare(ours(given), byHand(given, structuredClone)),
      },
      {
        name,
        against: "accepted event",
        inside: () => compare(ours(given), ours(decodeEvent(encodeEvent(given)))),
      },
    ];
  },
);

/** One handler, in a registry that copies the event unless it was accepted already. */
function ours(event: HookEvent): Operation {
  const registry = new HookRegistry();
  for (const handler of makeHandlers("sync", 1)) {
    registry.registerHandler(event.type as "tool.completed", "", handler);
  }
  return () => registry.dispatch(event);
}

/** The same in a hand-written loop, which copies only by `copy`. */
function byHand(event: HookEvent, copy: (data: unknown) => unknown): Operation {
  const loop = new HandLoop();
  for (const handler of makeHandlers("sync", 1)) loop.on(event.type, handler);
  return () => loop.dispatch({ ...event, data: copy(event.data) });
}

function jsonCopy(data: unknown): unknown {
  return JSON.parse(JSON.stringify(data));
}

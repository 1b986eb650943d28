import { compare, type Measurement, type Operation } from "../sampler.ts";
import {
  type Contender,
  emitteryEmit,
  emitterySerial,
  eventEmitter3,
  handLoop,
  handLoopMutable,
  hookable,
  ours,
  tapable,
} from "./_contenders.ts";
import { type HandlerKind, makeHandlers, received } from "./_handlers.ts";
import type { Budget, Row } from "./row.ts";

/** Numbers of handlers, and the budget against the hand-written loop. */
const LOOP_BUDGETS = [[1, 2], [10, 1.5], [100, 1.3]] as const;

const PEERS: readonly [against: string, peer: Contender, budget?: Budget][] = [
  ["hookable callHook", hookable, { below: 1 }],
  ["emittery emit", emitteryEmit, { below: 1 }],
  ["emittery emitSerial", emitterySerial, { below: 1 }],
  ["tapable promise", tapable],
  ["eventemitter3 emit", eventEmitter3],
];

/** `HookRegistry.dispatch` against a hand-written loop and other libraries. */
export const dispatchRows: readonly Row[] = (["sync", "async"] as const).flatMap((kind) =>
  LOOP_BUDGETS.flatMap(([count, atMost]): Row[] => {
    const name = `dispatch, ${count} ${kind}`;
    return [
      {
        name,
        against: "hand loop",
        budget: { atMost },
        inside: () => race(kind, count, ours, handLoop),
      },
      {
        name: `hand loop, ${count} ${kind}, frozen event`,
        against: "mutable event",
        inside: () => race(kind, count, handLoop, handLoopMutable),
      },
      {
        name: `noise, ${count} ${kind}`,
        against: "hand loop, both",
        inside: () => race(kind, count, handLoop, handLoop),
      },
      // A race in which only one side waits has no meaning.
      ...PEERS.filter(([, peer]) => kind === "sync" || peer !== eventEmitter3)
        .map(([against, peer, budget]): Row => ({
          name,
          against,
          ...(budget && { budget }),
          inside: () => race(kind, count, ours, peer),
        })),
    ];
  })
);

async function race(
  kind: HandlerKind,
  count: number,
  one: Contender,
  other: Contender,
): Promise<Measurement> {
  return compare(await prepare(one, kind, count), await prepare(other, kind, count));
}

/** A contender with its own handlers, checked to call each of them. */
async function prepare(
  contender: Contender,
  kind: HandlerKind,
  count: number,
): Promise<Operation> {
  const operation = await contender(makeHandlers(kind, count), kind);
  const before = received.calls;
  await operation();
  const calls = received.calls - before;
  if (calls !== count) throw new Error(`Expected ${count} calls, got ${calls}`);
  return operation;
}

import { createHooks, type Hooks } from "@omniagent/hooks";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { compare, type Operation } from "../sampler.ts";
import { event } from "./_event.ts";
import type { Row } from "./row.ts";

/** What an allowed call costs before its tool runs. */
const TYPE = "tool.called";
const { name, params } = event.data;

/** `decide` against `emit` with as many handlers, in the process and with an outbox in memory. */
export const decideRows: readonly Row[] = [0, 1, 10].flatMap((count): Row[] => [
  {
    name: `decide, ${count} gates`,
    against: `emit to ${count} handlers`,
    budget: { atMost: 1.5 },
    inside: () => compare(deciding(count, createHooks()), emitting(count, createHooks())),
  },
  {
    name: `decide, ${count} gates, outbox in memory`,
    against: `emit to ${count} handlers`,
    inside: () => compare(deciding(count, withOutbox()), emitting(count, withOutbox())),
  },
]);

function withOutbox(): Hooks {
  return createHooks({ outbox: createOutbox(memoryStore()) });
}

function deciding(count: number, hooks: Hooks): Operation {
  for (let n = 0; n < count; n++) {
    hooks.gate(TYPE, { name: `gate-${n}`, handle: () => undefined });
  }
  return () => hooks.decide(TYPE, { name, params });
}

function emitting(count: number, hooks: Hooks): Operation {
  for (let n = 0; n < count; n++) hooks.on(TYPE, () => {});
  return () => hooks.emit(TYPE, { name, params });
}

import type { AgentEvents, EventType, HookEvent } from "./events.ts";

/**
 * The patterns that match at least one type of a map of events: an exact type, a prefix such as
 * `"tool.*"`, or `"*"`. For `a.b.c`, the prefixes are `a.*` and `a.b.*`.
 *
 * @typeParam Type The types of the events; leave it out
 */
export type EventPattern<
  Events extends object = AgentEvents,
  Type extends string = EventType<Events>,
> =
  | "*"
  // Adds `Word.` to each pattern of the rest. Before `"*"`, that makes a prefix.
  | (Type extends `${infer Word}.${infer Rest}` ? `${Word}.${EventPattern<Events, Rest>}` : Type);

/**
 * The union of the events that a pattern, or a union of patterns, matches. A prefix matches at any depth:
 * `a.*` matches `a.b` and `a.b.c`, not `a`.
 */
export type EventOf<Events extends object = AgentEvents, Pattern extends string = "*"> =
  (string extends EventType<Events> ? EventType<Events>
    : Pattern extends "*" ? EventType<Events>
    : Pattern extends `${infer Prefix}.*` ? Extract<EventType<Events>, `${Prefix}.${string}`>
    : Extract<EventType<Events>, Pattern>) extends infer Type
    ? Type extends EventType<Events> ? HookEvent<Type, Events[Type]> : never
    : never;

import type { AgentEvents, EventType, HookEvent } from "./events.ts";

/** Every proper prefix of an event type, as a pattern: `a.b.c` gives `a.*` and `a.b.*`. */
export type PrefixesOf<Type extends string, Head extends string = ""> = Type extends
  `${infer Word}.${infer Rest}` ? `${Head}${Word}.*` | PrefixesOf<Rest, `${Head}${Word}.`>
  : never;

/**
 * The patterns that match at least one type of a map of events: an exact type, a prefix such as
 * `"tool.*"`, or `"*"`.
 */
export type EventPattern<Events extends object = AgentEvents> =
  | EventType<Events>
  | PrefixesOf<EventType<Events>>
  | "*";

/** The types that a pattern matches, at any depth: `a.*` matches `a.b` and `a.b.c`, not `a`. */
export type MatchingType<Events extends object, Pattern extends string> = string extends
  EventType<Events> ? EventType<Events>
  : Pattern extends "*" ? EventType<Events>
  : Pattern extends `${infer Prefix}.*` ? Extract<EventType<Events>, `${Prefix}.${string}`>
  : Extract<EventType<Events>, Pattern>;

/** The union of the events that a pattern, or a union of patterns, matches. */
export type EventOf<Events extends object = AgentEvents, Pattern extends string = "*"> =
  MatchingType<Events, Pattern> extends infer Type
    ? Type extends EventType<Events> ? HookEvent<Type, Events[Type]> : never
    : never;

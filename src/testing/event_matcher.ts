import type { AgentEvents, EventOf, EventPattern } from "../core/mod.ts";

/** A part of a JSON value: what it leaves out may be anything. Lists are of the same length. */
export type PartialData<Data> = Data extends readonly (infer Item)[] ? readonly PartialData<Item>[]
  : Data extends object ? { readonly [Key in keyof Data]?: PartialData<Data[Key]> | undefined }
  : Data;

/** Which events are meant: those for which all that is given holds. */
export type EventMatcher<
  Events extends object = AgentEvents,
  Pattern extends EventPattern<Events> = EventPattern<Events>,
> = {
  /** The type, or a pattern such as `"tool.*"`. @default any */
  readonly type?: Pattern | undefined;
  /** The session. @default any, or none */
  readonly sessionId?: string | undefined;
  /** A part of the payload, or what judges it. @default anything */
  readonly data?:
    | PartialData<EventOf<Events, Pattern>["data"]>
    | ((data: EventOf<Events, Pattern>["data"]) => boolean)
    | undefined;
};

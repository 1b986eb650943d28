/**
 * Exact equality of types, for type tests.
 * @module
 */
import type { AgentEvents } from "@omniagent/hooks";

/** Events of one's own. */
export type Own = { "order.paid": { total: number }; "order.item.added": { sku: string } };

/** With those of an agent. */
export type Events = AgentEvents & Own;

/** Whether two types are the same; `any` is like no other. */
export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2)
  ? true
  : false;
/** Compiles if the type argument is `true`. */
export const is = <_Holds extends true>(): void => {};
/** Compiles if a value has exactly a type: `typeOf<string>()(value)`. */
export const typeOf = <Wanted>() =>
<Actual>(
  _value: Actual,
  ..._same: Same<Wanted, Actual> extends true ? [] : [never]
) => {};

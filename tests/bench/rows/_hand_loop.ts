import type { HookEvent } from "@omniagent/hooks";

/** A handler for the hand-written loop and the other libraries. */
export type Handler = (event: HookEvent) => void | Promise<void>;

const done = Promise.resolve();

/**
 * The loop of a program without a library: a Map of lists, each call in a `try`, awaited only if the handler
 * returned a thenable, and one resolved promise for all other cases.
 */
export class HandLoop {
  readonly #handlers = new Map<string, Handler[]>();

  on(type: string, handler: Handler): void {
    const list = this.#handlers.get(type);
    if (list === undefined) this.#handlers.set(type, [handler]);
    else list.push(handler);
  }

  dispatch(event: HookEvent): Promise<void> {
    const list = this.#handlers.get(event.type);
    if (list === undefined) return done;
    let errors: unknown[] | undefined;
    for (let index = 0; index < list.length; index++) {
      try {
        const result = list[index]!(event);
        if (typeof result?.then === "function") {
          return this.#rest(list, index + 1, event, result, errors ?? []);
        }
      } catch (error) {
        (errors ??= []).push(error);
      }
    }
    return errors === undefined ? done : Promise.reject(new AggregateError(errors));
  }

  async #rest(
    list: readonly Handler[],
    next: number,
    event: HookEvent,
    pending: Promise<void>,
    errors: unknown[],
  ): Promise<void> {
    try {
      await pending;
    } catch (error) {
      errors.push(error);
    }
    for (let index = next; index < list.length; index++) {
      try {
        const result = list[index]!(event);
        if (typeof result?.then === "function") await result;
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors);
  }
}

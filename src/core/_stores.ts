import type { Entry } from "./_entry.ts";
import type { Plans } from "./_plans.ts";
import { HookInitError } from "./errors.ts";
import type { Store } from "../store/mod.ts";

/** Gives hooks their store. */
export class Stores {
  readonly #plans: Plans;
  #store: Store | undefined;

  constructor(plans: Plans, store: Store | undefined) {
    this.#plans = plans;
    this.#store = store;
  }

  /** Gives a new registration the store, if there is one. @throws {HookInitError} */
  give(entry: Entry): void {
    if (this.#store) giveTo(entry, this.#store);
  }

  /** Gives every hook a store, also those that come later. @throws {HookInitError} the first of them */
  set(store: Store): void {
    this.#store = store;
    this.#plans.clear(); // their contexts have no store, or the one before
    const failures: unknown[] = [];
    for (const entry of this.#plans.entries) {
      try {
        giveTo(entry, store);
      } catch (error) {
        failures.push(error);
      }
    }
    this.#plans.clear(); // one of them may have emitted meanwhile
    if (failures.length > 0) throw failures[0];
  }
}

function giveTo(entry: Entry, store: Store): void {
  try {
    entry.setStorage(store);
  } catch (error) {
    throw new HookInitError(entry.info.name, error);
  }
}

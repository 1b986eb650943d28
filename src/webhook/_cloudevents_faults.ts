import { EventValidationError } from "../core/errors.ts";
import type { StandardIssue } from "../internal/standard_schema.ts";

/** Longest key in a path: a sender makes up the names, and they end up in messages. */
const MAX_KEY = 64;

/** What is wrong with a message, gathered while it is read. */
export class Faults {
  readonly #issues: StandardIssue[];
  readonly #prefix: readonly PropertyKey[];

  /** No faults yet. The parameters are for `within`. */
  constructor(issues: StandardIssue[] = [], prefix: readonly PropertyKey[] = []) {
    this.#issues = issues;
    this.#prefix = prefix;
  }

  /** The same faults, seen from one element of a batch: its index starts the paths. */
  within(index: number): Faults {
    return new Faults(this.#issues, [...this.#prefix, index]);
  }

  /** Notes a fault at a key, or without one at the whole. */
  add(message: string, key?: string): void {
    const path = key === undefined ? this.#prefix : [...this.#prefix, key.slice(0, MAX_KEY)];
    this.#issues.push({ message, path });
  }

  /** Takes over what a check of core found. */
  addAll(issues: readonly StandardIssue[]): void {
    for (const { message, path = [] } of issues) {
      this.#issues.push({ message, path: [...this.#prefix, ...path] });
    }
  }

  /** @throws {EventValidationError} with all of them, if there are any */
  throwIfAny(subject: string): void {
    if (this.#issues.length > 0) throw new EventValidationError(subject, this.#issues);
  }
}

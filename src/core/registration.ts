/** What a registration gives back. Both members do the same, once. */
export type Registration = {
  /**
   * Takes the registration back, from the next event on. A compiled hook or webhook that was opened is
   * closed when the events that it may still hear have ended.
   */
  unregister(): void;
  /** The same, for `using`. */
  [Symbol.dispose](): void;
};

/** One line of `list()`. */
export type RegistrationInfo = {
  /** The name; for a handler without one, its function's name or its patterns. */
  readonly name: string;
  /** What was registered. */
  readonly kind: "handler" | "hook" | "webhook";
  /** The patterns that it hears. */
  readonly events: readonly string[];
  /** Whether it is delivered to by the outbox. */
  readonly durable: boolean;
};

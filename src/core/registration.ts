/** A registration. Call it to undo the registration: `const off = hooks.on(…); off()`. */
export type Registration = {
  /** Does the same as `unregister`. */
  (): void;
  /**
   * Undoes the registration, from the next event on. An open hook or webhook is closed when the events
   * that it may still receive have ended. Calling it again does nothing.
   */
  unregister(): void;
  /** Does the same, for `using`. */
  [Symbol.dispose](): void;
};

/** Creates a registration from the function that undoes it. */
export function createRegistration(unregister: () => void): Registration {
  return Object.assign(() => unregister(), { unregister, [Symbol.dispose]: unregister });
}

/** What has a beginning and an end. Every method is idempotent. */
export type Lifecycle = {
  /** Opens hooks; implied by the first event. */
  init(): Promise<void>;
  /** Waits for events of the async form. */
  drain(): Promise<void>;
  /** Refuses events, waits for those under way, closes hooks in reverse order. */
  close(): Promise<void>;
};

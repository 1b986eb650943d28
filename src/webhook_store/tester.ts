import type { Attempt, AttemptContext, Webhook } from "../core/mod.ts";
import { createEventId } from "../internal/uuid.ts";
import { WebhookStoreError } from "./errors.ts";

/** Tests that run at the same time: each is a request that may take two minutes. */
const MAX_TESTS = 16;

/** Sends `webhook.test` events. */
export class Tester {
  #running = 0;

  /** Makes one attempt. @throws {WebhookStoreError} `too_many_tests` */
  async run(
    webhook: Webhook,
    now: number,
    context: Pick<AttemptContext, "logger" | "signal">,
  ): Promise<Attempt> {
    const { name } = webhook;
    if (this.#running >= MAX_TESTS) {
      throw new WebhookStoreError(
        "too_many_tests",
        `Cannot test webhook '${name}': ${MAX_TESTS} tests are running. Try again later`,
      );
    }
    this.#running++;
    try {
      const event = {
        id: createEventId(),
        type: "webhook.test",
        timestamp: new Date(now),
        data: { webhook: name },
      };
      return await webhook.attempt(event, { attempt: 1, ...context });
    } finally {
      this.#running--;
    }
  }
}

import type { Outbox } from "../outbox/mod.ts";
import type { WebhookRecords } from "./records.ts";

/** Deletes what the outbox has for deleted webhooks. */
export class Purges {
  readonly #options: { readonly outbox: Outbox; readonly records: WebhookRecords };
  readonly #failed: (name: string, error: unknown) => void;
  readonly #running = new Map<string, Promise<void>>();

  constructor(
    options: { readonly outbox: Outbox; readonly records: WebhookRecords },
    failed: (name: string, error: unknown) => void,
  ) {
    this.#options = options;
    this.#failed = failed;
  }

  /** Deletes what is stored for one, or calls `failed`: a later read of the store then does it. Never rejects. */
  purge(name: string): Promise<void> {
    const running = this.#running.get(name);
    if (running !== undefined) return running;
    const purging = this.#purge(name).finally(() => this.#running.delete(name));
    this.#running.set(name, purging);
    return purging;
  }

  /** Resolves when none is being deleted any longer. */
  async ended(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  async #purge(name: string): Promise<void> {
    try {
      await this.#options.outbox.remove(name);
      await this.#options.records.forget(name);
    } catch (error) {
      this.#failed(name, error);
    }
  }
}

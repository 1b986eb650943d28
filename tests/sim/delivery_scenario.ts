import type { Publication } from "../../src/core/mod.ts";
import type { EventRecord } from "../../src/outbox/records.ts";
import { RETENTION } from "./run_scenario.ts";
import { Scenario } from "./scenario.ts";

/** Through every state of a delivery. */
export class DeliveryScenario extends Scenario {
  readonly #slow = new Set<string>();

  async steps(): Promise<void> {
    const { receivers } = this.cluster;
    receivers.mood = (target, id) => {
      const first = receivers.sends.get(`${target} ${id}`) === 1;
      if (target === "final") return "final";
      if (target === "slow") return first || this.#slow.has(id) ? "slow" : "ok";
      const moods = {
        flaky: "down",
        stuck: "stuck",
        later: "later",
        tomorrow: "too late",
      } as const;
      return first && target in moods ? moods[target as keyof typeof moods] : "ok";
    };
    await this.step(200, "worker", ["good"]);
    // Calls at one moment share a commit; the first one is already on its way.
    for (let i = 0; i < 3; i++) void this.publish("worker", [this.to("good", "flaky")]);
    await this.pass(500);
    await this.step(200, "cron", ["good", "final"], ["good"], ["flaky"]);
    await this.#chunked();
    await this.#keyed();
    await this.step(500, "worker", ["stuck"]);
    await this.step(200, "worker", ["tomorrow"]);
    await this.#damaged();
    await this.pass(40_000);
    await this.#stopped();
    await this.pass(20_000);
  }

  /** A body in chunks. */
  async #chunked(): Promise<void> {
    const { client } = this.cluster;
    const event = client.event({ text: "é€".repeat(30_000) });
    void this.publish("worker", [{ event, to: ["good"] }]);
    await this.pass(500);
  }

  /** An idempotency key: used first, again, and for something else. */
  async #keyed(): Promise<void> {
    const { client } = this.cluster;
    const keyed = (data: string): Publication => ({
      event: client.event(data),
      to: ["good"],
      idempotencyKey: "k",
    });
    for (const [node, data] of [["worker", "x"], ["cron", "x"], ["worker", "y"]] as const) {
      void this.publish(node, [keyed(data), this.to("good")]);
      await this.pass(200);
    }
  }

  /** An event is damaged while its delivery waits to be tried again. */
  async #damaged(): Promise<void> {
    const { store, model } = this.cluster;
    const publication = this.to("later");
    const { id } = publication.event;
    void this.publish("cron", [publication]);
    await this.pass(1_500);
    const { value } = await store.get<EventRecord>(["hooks", "event", id]);
    if (value === null) return;
    await store.set(["hooks", "event", id], { ...value, event: { id } }, { expireIn: RETENTION });
    model.allowedReasons.set(`later ${id}`, "unreadable");
  }

  /** An instance is asked to stop while an attempt runs, and is killed five seconds later. */
  async #stopped(): Promise<void> {
    const publications = [1, 2, 3].map(() => this.to("slow"));
    publications.forEach(({ event }) => this.#slow.add(event.id));
    void this.publish("worker", publications);
    await this.pass(50);
    const { process, outbox } = this.node("worker");
    if (!process.alive) return;
    void outbox.stop();
    await this.pass(5_000);
    this.#slow.clear();
    process.kill();
  }
}

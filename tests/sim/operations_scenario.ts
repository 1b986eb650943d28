import type { Publication } from "../../src/core/mod.ts";
import type { Mood } from "./receivers.ts";
import { Scenario } from "./scenario.ts";

/** Covers every operation of an operator, every state of a target, and sessions. */
export class OperationsScenario extends Scenario {
  /** How receivers fail until they are fixed. */
  readonly #moods = new Map<string, Mood>([["doomed", "final"], ["bye", "down"]]);

  async steps(): Promise<void> {
    const { receivers } = this.cluster;
    receivers.mood = (target, id) => {
      const first = receivers.sends.get(`${target} ${id}`) === 1;
      if (target === "gone" && this.#moods.get("gone") === undefined) return "disable";
      if (target === "busy" && first) return "later";
      return this.#moods.get(target) ?? "ok";
    };
    await this.#sessions();
    await this.#turnedOff();
    await this.#replayed();
    await this.#byHand();
    await this.#removed();
    await this.pass(5_000);
    void this.cluster.operator.walk("attempted", this.node("cron"));
    await this.pass(500);
  }

  /** Sessions: one that starts with two deliveries, one that grows while its first is in flight, one whose first is dead. */
  async #sessions(): Promise<void> {
    this.#moods.set("ordered", "slow");
    const two = [this.#inOrder("s-1"), this.#inOrder("s-1"), this.#inOrder("s-2")];
    void this.publish("worker", two);
    await this.pass(40);
    void this.publish("cron", [this.#inOrder("s-1")]);
    this.#moods.set("ordered", "down");
    await this.pass(1_500);
    this.#moods.set("ordered", "final");
    await this.pass(1_000);
    void this.publish("cron", [this.#inOrder("s-2"), this.#inOrder("s-3")]);
    await this.pass(200);
    this.#moods.delete("ordered");
    await this.pass(2_000);
  }

  /** A receiver that is gone turns its target off, one that is busy has it wait: what comes is held. */
  async #turnedOff(): Promise<void> {
    await this.step(300, "worker", ["gone", "busy"]);
    await this.step(300, "cron", ["gone", "busy"]);
    this.#moods.set("gone", "ok");
    void this.cluster.operator.ask("enable", "gone", this.node("worker"));
    await this.pass(4_000);
  }

  /** Dead ones are listed, replayed, and die again; then one is, and all that were delivered. */
  async #replayed(): Promise<void> {
    const { operator, model } = this.cluster;
    await this.step(300, "worker", ["doomed"], ["doomed"]);
    void operator.walk("dead", this.node("worker"));
    await this.pass(200);
    void operator.replay({ target: "doomed", timeout: 5_000 }, this.node("worker"));
    await this.pass(500);
    this.#moods.set("doomed", "ok");
    const [name] = [...model.known.values()].filter(({ w, dead }) => w === "doomed" && dead);
    if (name) void operator.retry("doomed", name.id, this.node("worker"));
    await this.pass(300);
    for (const state of ["dead", "delivered"] as const) {
      void operator.replay({ target: "doomed", state, timeout: 5_000 }, this.node("worker"));
      void operator.replay({ target: "doomed", state, timeout: 5_000 }, this.node("cron"));
      await this.pass(500);
    }
  }

  /** A target is turned off by hand while it fails; what waits is wanted now, and then it is on again. */
  async #byHand(): Promise<void> {
    const { operator } = this.cluster;
    this.#moods.set("good", "down");
    const publication = this.to("good");
    void this.publish("worker", [publication]);
    await this.pass(900);
    this.#moods.delete("good");
    void operator.retry("good", publication.event.id, this.node("worker"));
    void operator.ask("disable", "good", this.node("cron"));
    await this.step(300, "worker", ["good"]);
    void operator.ask("enable", "good", this.node("worker"));
    await this.pass(500);
  }

  /** A target is removed for good, with what waits, in no state that it could be in. */
  async #removed(): Promise<void> {
    await this.step(100, "worker", ["bye"], ["bye"]);
    void this.cluster.operator.ask("remove", "bye", this.node("worker"));
    await this.pass(200);
    await this.step(500, "cron", ["bye"]);
  }

  #inOrder(session: string): Publication {
    return { event: this.cluster.client.event({ session }, session), to: ["ordered"] };
  }
}

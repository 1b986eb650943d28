import type { Env } from "../../../src/outbox/_env.ts";
import type { World } from "./world.ts";

/** A promise of a process that is gone, or a call that is never answered. */
export const never: Promise<never> = new Promise(() => {});

/** A process: its clock may be wrong, it may stand still for a while, and it may be gone at any moment. */
export class SimProcess {
  readonly name: string;
  readonly world: World;
  /** How far its clock is ahead of the truth, in milliseconds. */
  readonly skew: number;
  readonly env: Env;
  alive = true;
  /** It was asked to stop: what it aborts is sent again. */
  stopping = false;
  onDeath: () => void = () => {};
  /** Digests of where targets go to, of those that this process has another for. */
  readonly addresses = new Map<string, string>();
  #frozenUntil = 0;

  constructor(name: string, world: World, skew: number) {
    this.name = name;
    this.world = world;
    this.skew = skew;
    world.clocks.push(skew);
    const random = world.random.fork();
    this.env = {
      now: () => world.now + skew,
      random: () => random.next(),
      after: (milliseconds, callback) => this.after(milliseconds, callback),
    };
  }

  /** When it went on after it had stood still. */
  get resumedAt(): number {
    return this.#frozenUntil;
  }

  /** A digest of where a target goes to. */
  addressOf(w: string): string {
    return this.addresses.get(w) ?? "one";
  }

  /** Calls back in this process, unless it is gone by then. */
  after(milliseconds: number, callback: () => void): () => void {
    let cancel = (): void => {};
    const fire = (): void => {
      if (!this.alive) return;
      const wait = this.#frozenUntil - this.world.now;
      if (wait > 0) cancel = this.world.after(wait, fire);
      else callback();
    };
    cancel = this.world.after(milliseconds, fire);
    return () => cancel();
  }

  /** Goes on in this process, when it can; never when it is gone. */
  resumed(): Promise<void> {
    if (this.alive && this.#frozenUntil <= this.world.now) return Promise.resolve();
    return new Promise((resolve) => void this.after(0, resolve));
  }

  /** It stands still: no timer, no answer reaches it. */
  freeze(milliseconds: number): void {
    this.world.log(() => `${this.name} stands still for ${milliseconds} ms`);
    this.#frozenUntil = Math.max(this.#frozenUntil, this.world.now + milliseconds);
  }

  kill(): void {
    if (!this.alive) return;
    this.world.log(() => `${this.name} is killed`);
    this.alive = false;
    this.onDeath();
  }
}

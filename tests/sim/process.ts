import type { Clock } from "../../src/internal/clock.ts";
import type { Simulation } from "./simulation.ts";

/** A promise of a process that has ended, or of a call that never returns. */
export const never: Promise<never> = new Promise(() => {});

/** A process: its clock may be wrong, it may pause, and it may crash at any moment. */
export class SimProcess {
  readonly name: string;
  readonly simulation: Simulation;
  /** How far its clock is ahead of the truth, in milliseconds. */
  readonly skew: number;
  readonly clock: Clock;
  alive = true;
  /** It was asked to stop: what it aborts is sent again. */
  stopping = false;
  onDeath: () => void = () => {};
  /** Digests of where targets go to, of those that this process has another for. */
  readonly addresses = new Map<string, string>();
  #frozenUntil = 0;

  constructor(name: string, simulation: Simulation, skew: number) {
    this.name = name;
    this.simulation = simulation;
    this.skew = skew;
    simulation.clocks.push(skew);
    const random = simulation.random.fork();
    this.clock = {
      now: () => simulation.now + skew,
      random: () => random.next(),
      setTimer: (milliseconds, callback) => this.after(milliseconds, callback),
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
      const wait = this.#frozenUntil - this.simulation.now;
      if (wait > 0) cancel = this.simulation.after(wait, fire);
      else callback();
    };
    cancel = this.simulation.after(milliseconds, fire);
    return () => cancel();
  }

  /** Goes on in this process, when it can; never when it is gone. */
  resumed(): Promise<void> {
    if (this.alive && this.#frozenUntil <= this.simulation.now) return Promise.resolve();
    return new Promise((resolve) => void this.after(0, resolve));
  }

  /** Pauses the process: it gets no timers and no results. */
  freeze(milliseconds: number): void {
    this.simulation.log(() => `${this.name} pauses for ${milliseconds} ms`);
    this.#frozenUntil = Math.max(this.#frozenUntil, this.simulation.now + milliseconds);
  }

  kill(): void {
    if (!this.alive) return;
    this.simulation.log(() => `${this.name} is killed`);
    this.alive = false;
    this.onDeath();
  }
}

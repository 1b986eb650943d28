import type { Env } from "./_env.ts";

/** A retry that is due within this keeps the process alive, in milliseconds: later ones are for the next process. */
const STAY = 60_000;

/**
 * Wakes the worker at the earliest known due time. Only a retry that is due soon keeps the process
 * alive. Later deliveries stay in the store, and whichever process runs then delivers them.
 */
export class Alarm {
  readonly #env: Env;
  readonly #ring: () => void;
  /** The next time at which something is due, and at which a retry is, as far as is known. */
  #next = Infinity;
  #retry = Infinity;
  /** When the timer fires, and whether the process stays alive for it. */
  #at = Infinity;
  #stays = false;
  /** How many want the process to stay alive whatever is due. */
  #keepers = 0;
  #cancel = (): void => {};

  constructor(env: Env, ring: () => void) {
    this.#env = env;
    this.#ring = ring;
  }

  /** Another look begins: what an earlier one knew is out of date. */
  forget(): void {
    this.#next = this.#retry = Infinity;
  }

  /** Something is due at a time, perhaps a retry. */
  note(at = Infinity, retry = Infinity): void {
    this.#next = Math.min(this.#next, at);
    this.#retry = Math.min(this.#retry, retry);
  }

  /** Sets the timer for the next time that is known, at most so many milliseconds away. */
  set(most: number): void {
    this.#arm(Math.min(most, this.#next - this.#env.now()));
  }

  /** Sets the timer anew if it is too late for what was noted, or does not keep the process alive for it. */
  hasten(): void {
    const now = this.#env.now();
    const mustStay = this.#retry - now <= STAY;
    if (this.#next < this.#at || (mustStay && !this.#stays)) {
      this.#arm(Math.min(this.#next, this.#at) - now);
    }
  }

  /** Keeps the process alive while the timer is set; gives what ends that. */
  keepAlive(): () => void {
    const change = (by: number): void => {
      this.#keepers += by;
      if (this.#at !== Infinity) this.#arm(this.#at - this.#env.now());
    };
    let isOn = true;
    change(1);
    return () => {
      if (isOn) change(-1);
      isOn = false;
    };
  }

  /** Takes the timer back. */
  cancel(): void {
    this.#at = Infinity;
    this.#cancel();
  }

  /** Jittered, so that processes that began together do not look together. */
  #arm(milliseconds: number): void {
    const env = this.#env;
    const wait = Math.max(milliseconds, 10) * (1 + 0.2 * env.random());
    this.#cancel();
    this.#at = env.now() + wait;
    this.#stays = this.#keepers > 0 || this.#retry - env.now() <= STAY;
    this.#cancel = env.after(wait, this.#ring, !this.#stays);
  }
}

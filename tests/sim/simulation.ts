import { setImmediate } from "node:timers";
import { Random } from "./random.ts";
import { syncSubtle } from "./sync_crypto.ts";

type Timer = { readonly at: number; readonly order: number; run: (() => void) | undefined };

/** Virtual time: timers in their order, and between two of them every promise runs as far as it can. */
export class Simulation {
  /** True time, in milliseconds since 1970. */
  now = Date.UTC(2026, 7, 1, 23, 58);
  readonly random: Random;
  /** What was done, for a seed that is run again. */
  readonly trace: string[] = [];
  readonly traced: boolean;
  /** How far the clocks of all processes are ahead of the truth. */
  readonly clocks: number[] = [];
  readonly #timers: Timer[] = [];
  #order = 0;

  constructor(seed: number, traced = false) {
    this.random = new Random(seed);
    this.traced = traced;
  }

  /** Whether all clocks agree, as those of an ordered target must. */
  get clocksAgree(): boolean {
    return Math.max(...this.clocks) - Math.min(...this.clocks) <= 5_000;
  }

  log(line: () => string): void {
    if (this.traced) this.trace.push(`${(this.now - START) / 1000}s ${line()}`);
  }

  /** Calls back after some milliseconds; gives what cancels it. */
  after(milliseconds: number, callback: () => void): () => void {
    const timer: Timer = {
      at: this.now + Math.max(0, Math.ceil(milliseconds)),
      order: this.#order++,
      run: callback,
    };
    push(this.#timers, timer);
    return () => void (timer.run = undefined);
  }

  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => void this.after(milliseconds, resolve));
  }

  /** Lets time pass until it is `until`, or until `done`. */
  async run(until: number, done: () => boolean = () => false): Promise<void> {
    await quiescence();
    while (!done()) {
      const next = this.#timers[0];
      if (next === undefined || next.at > until) {
        this.now = Math.max(this.now, until);
        return;
      }
      pop(this.#timers);
      if (next.run === undefined) continue;
      this.now = next.at;
      next.run();
      await quiescence();
    }
  }
}

const START = Date.UTC(2026, 7, 1, 23, 58);

/** Every promise that can go on has gone on. */
function quiescence(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/**
 * Makes what the platform does elsewhere or at random deterministic, while `run` runs: cryptography responds
 * at once, ids are drawn from the seed, and durations are those of virtual time.
 */
export async function deterministically<T>(
  simulation: Simulation,
  run: () => Promise<T>,
): Promise<T> {
  const random = simulation.random.fork();
  const hex = (length: number): string =>
    Array.from({ length }, () => random.between(0, 15).toString(16)).join("");
  const restore = [
    replace(crypto.subtle, syncSubtle),
    replace(crypto, {
      randomUUID: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`,
      getRandomValues(bytes: Uint8Array) {
        for (let i = 0; i < bytes.length; i++) bytes[i] = random.between(0, 255);
        return bytes;
      },
    }),
    replace(performance, { now: () => simulation.now - START }),
  ];
  try {
    return await run();
  } finally {
    for (const undo of restore) undo();
  }
}

/** Replaces functions of an object; returns what undoes that. */
function replace(target: object, functions: Readonly<Record<string, unknown>>): () => void {
  const define = (name: string, value: unknown): void =>
    void Object.defineProperty(target, name, { value, configurable: true, writable: true });
  const before = Object.keys(functions).map((name) => [name, Reflect.get(target, name)] as const);
  for (const [name, value] of Object.entries(functions)) define(name, value);
  return () => before.forEach(([name, value]) => define(name, value));
}

function before(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** A binary heap. */
function push(heap: Timer[], timer: Timer): void {
  let at = heap.push(timer) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!before(timer, heap[parent]!)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = timer;
}

function pop(heap: Timer[]): void {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
    if (!before(heap[child]!, last)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
}

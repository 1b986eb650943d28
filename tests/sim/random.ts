import { Random as Numbers } from "../support/random.ts";

/** Seeded randomness: the same seed gives the same schedule. */
export class Random extends Numbers {
  constructor(seed: number) {
    super(seed ^ 0x9e3779b9);
    for (let i = 0; i < 8; i++) this.next(); // seeds that are near begin far apart
  }

  /** A whole number from `from` up to and with `to`. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  /** Another stream, so that what one part draws does not move the others. */
  fork(): Random {
    return new Random(this.below(2 ** 32));
  }
}

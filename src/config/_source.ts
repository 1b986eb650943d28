/** A text and its lines, which end as YAML's do: with LF, CR, or both. */
export class Source {
  /** The whole. */
  readonly text: string;
  readonly #starts: number[] = [0];
  readonly #ends: number[] = [];

  constructor(text: string) {
    this.text = text;
    for (const { index, 0: end } of text.matchAll(/\r\n|\n|\r/g)) {
      this.#ends.push(index);
      this.#starts.push(index + end.length);
    }
    this.#ends.push(text.length);
  }

  /** The line of an offset, from 1. */
  lineOf(offset: number): number {
    let [low, high] = [0, this.#starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#starts[middle]! <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  }

  /** Where a line begins and ends, without its line break. */
  bounds(line: number): { readonly start: number; readonly end: number } {
    return { start: this.#starts[line - 1]!, end: this.#ends[line - 1]! };
  }

  /** Where an offset is, for someone who looks at another. */
  describe(offset: number, from: number): string {
    const line = this.lineOf(offset);
    if (line !== this.lineOf(from)) return `line ${line}`;
    return `column ${offset - this.bounds(line).start + 1} of this line`;
  }
}

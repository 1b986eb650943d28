/** A text and its lines, which end as YAML's do: with LF, CR, or both. */
export class Source {
  /** The whole. */
  readonly text: string;
  readonly #starts: number[] = [0];

  constructor(text: string) {
    this.text = text;
    for (const { index, 0: end } of text.matchAll(/\r\n|\n|\r/g)) {
      this.#starts.push(index + end.length);
    }
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
    const start = this.#starts[line - 1]!;
    const next = this.#starts[line] ?? this.text.length;
    const end = start + this.text.slice(start, next).replace(/[\r\n]+$/, "").length;
    return { start, end };
  }

  /** Where an offset is, for someone who looks at another. */
  describe(offset: number, from: number): string {
    const line = this.lineOf(offset);
    if (line !== this.lineOf(from)) return `line ${line}`;
    return `column ${offset - this.bounds(line).start + 1} of this line`;
  }
}

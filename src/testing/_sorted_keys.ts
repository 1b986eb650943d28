/** Keys in a block at most: an insertion moves no more than these. */
const BLOCK = 512;

/** Encoded keys in order, in blocks of bounded length, so that an insertion costs the same among many. */
export class SortedKeys {
  readonly #blocks: string[][] = [];

  /** Adds a key that is not there. */
  add(key: string): void {
    const at = this.#find(key);
    const block = this.#blocks[at];
    if (block === undefined) {
      this.#blocks.push([key]);
      return;
    }
    block.splice(lowerBound(block, key), 0, key);
    if (block.length > BLOCK) this.#blocks.splice(at + 1, 0, block.splice(BLOCK / 2));
  }

  /** Removes a key that is there. */
  delete(key: string): void {
    const at = this.#find(key);
    const block = this.#blocks[at]!;
    block.splice(lowerBound(block, key), 1);
    if (block.length === 0) this.#blocks.splice(at, 1);
  }

  /** The keys from `start` on, up to but without `end`. Nothing may change until it has ended. */
  *ascending(start: string, end: string): Generator<string, void> {
    for (let at = this.#find(start); at < this.#blocks.length; at++) {
      const block = this.#blocks[at]!;
      for (let i = lowerBound(block, start); i < block.length; i++) {
        if (block[i]! >= end) return;
        yield block[i]!;
      }
    }
  }

  /** The same keys, the last one first. */
  *descending(start: string, end: string): Generator<string, void> {
    for (let at = this.#find(end); at >= 0; at--) {
      const block = this.#blocks[at] ?? [];
      for (let i = lowerBound(block, end) - 1; i >= 0; i--) {
        if (block[i]! < start) return;
        yield block[i]!;
      }
    }
  }

  /** The block where a key is, or would be: the last one that does not begin after it. */
  #find(key: string): number {
    let [low, high] = [0, this.#blocks.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#blocks[middle]![0]! <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** Where the first key stands that is not before `key`. */
function lowerBound(block: readonly string[], key: string): number {
  let [low, high] = [0, block.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (block[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Of some words the one that was most likely meant; undefined if none is near. */
export function nearest(word: string, words: Iterable<string>): string | undefined {
  if (word.length > 40) return undefined;
  const plain = simple(word);
  let best: string | undefined;
  let least = 1 + Math.max(1, Math.floor(plain.length / 3));
  for (const candidate of words) {
    const distance = edits(plain, simple(candidate));
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** `retryCount`, `retry-count` and `RETRY_COUNT` are one word. */
function simple(word: string): string {
  return word.replace(/[_\s-]/g, "").toLowerCase();
}

/** How many letters were left out, added, replaced or swapped with their neighbour. */
function edits(a: string, b: string): number {
  const rows = Array.from(
    { length: a.length + 1 },
    (_, i) => [i, ...Array<number>(b.length).fill(0)],
  );
  for (let j = 1; j <= b.length; j++) rows[0]![j] = j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(rows[i - 1]![j]! + 1, rows[i]![j - 1]! + 1, rows[i - 1]![j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, rows[i - 2]![j - 2]! + 1);
      }
      rows[i]![j] = least;
    }
  }
  return rows[a.length]![b.length]!;
}

/** By outbox: what has it keep the process alive, and gives what ends that. */
const keepers = new WeakMap<object, () => () => void>();

/** Notes how an outbox keeps its process alive. */
export function noteKeeper(outbox: object, keep: () => () => void): void {
  keepers.set(outbox, keep);
}

/** Has an outbox keep its process alive from start to stop, also while it has nothing to do. */
export function keepAlive(queue: unknown): () => void {
  const keep = typeof queue === "object" && queue !== null ? keepers.get(queue) : undefined;
  return keep?.() ?? (() => {});
}

const sources = new WeakSet<object>();

/** Marks a hook whose `init` registers targets: decisions wait for it, too. Returns the hook. */
export function targetSource<Source extends object>(hook: Source): Source {
  sources.add(hook);
  return hook;
}

/** Returns whether a hook is marked as one whose `init` registers targets. */
export function isTargetSource(hook: object): boolean {
  return sources.has(hook);
}

import { delay } from "../internal/async.ts";
import { builtinLoader } from "../internal/runtime.ts";
import type { Within } from "./options.ts";

/** A promise, and the functions that settle it. */
type Deferred<Value> = {
  readonly promise: Promise<Value>;
  resolve(value: Value): void;
  reject(error: unknown): void;
};

/** Returns `Promise.withResolvers()`, which Node 20 doesn't have. */
export function deferred<Value>(): Deferred<Value> {
  let resolve!: (value: Value) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<Value>((...functions) => {
    [resolve, reject] = functions;
  });
  return { promise, resolve, reject };
}

/** Resolves when all work has settled, or after a time in milliseconds. */
export async function settled(work: ReadonlySet<Promise<unknown>>, limit: number): Promise<void> {
  if (work.size === 0) return;
  const enough = new AbortController();
  await Promise.race([Promise.allSettled(work), delay(limit, enough.signal)]);
  enough.abort();
}

/** Yields and returns what a generator does, each of whose steps runs in a span. */
export async function* stepsWithin<Value, Result>(
  within: Within,
  steps: AsyncGenerator<Value, Result, undefined>,
): AsyncGenerator<Value, Result, undefined> {
  const next = (): Promise<IteratorResult<Value, Result>> => within(() => steps.next());
  let isLeft = true; // until the generator ends: the reader may stop in the middle
  try {
    let step = await next();
    for (; !step.done; step = await next()) yield step.value;
    isLeft = false;
    return step.value;
  } finally {
    if (isLeft) await steps.return(undefined as never);
  }
}

/** `AsyncLocalStorage`: values that follow a call through its `await`s. */
export type AsyncStorage<Value> = {
  getStore(): Value | undefined;
  run<Result>(value: Value, call: () => Result): Result;
};

/** Creates a storage. Every runtime that the SDKs support has it. @throws {Error} on others */
export function createStorage<Value>(subject: string): AsyncStorage<Value> {
  const hooks = builtinLoader()?.("node:async_hooks") as
    | { readonly AsyncLocalStorage: new () => AsyncStorage<Value> }
    | undefined;
  if (hooks !== undefined) return new hooks.AsyncLocalStorage();
  throw new Error(
    `${subject}: this runtime has no AsyncLocalStorage. On Cloudflare Workers, set the ` +
      "compatibility flag nodejs_compat",
  );
}

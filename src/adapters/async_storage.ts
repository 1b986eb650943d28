import { builtinLoader } from "../internal/runtime.ts";

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

/** `AsyncLocalStorage`: values that follow a call through its `await`s. */
export type AsyncStorage<Value> = {
  getStore(): Value | undefined;
  run<Result>(value: Value, call: () => Result): Result;
};

/** Creates a storage. Every runtime that the SDKs support has it. @throws {Error} on others */
export function createStorage<Value>(subject: string): AsyncStorage<Value> {
  const { process } = globalThis as {
    readonly process?: {
      getBuiltinModule?(
        id: string,
      ): { readonly AsyncLocalStorage: new () => AsyncStorage<Value> } | undefined;
    };
  };
  const hooks = process?.getBuiltinModule?.("node:async_hooks");
  if (hooks !== undefined) return new hooks.AsyncLocalStorage();
  throw new Error(
    `${subject}: this runtime has no AsyncLocalStorage. On Cloudflare Workers, set the ` +
      "compatibility flag nodejs_compat",
  );
}

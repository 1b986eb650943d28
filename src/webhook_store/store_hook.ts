const STORE_HOOK = /^webhook-store-[0-9a-f]{8}$/;

/** Returns the name of the hook through which stored webhooks take part in the lifecycle of their hooks. */
export function createStoreHookName(): string {
  return `webhook-store-${crypto.randomUUID().slice(0, 8)}`;
}

/** Returns whether a hook has such a name: no user registered it. */
export function isStoreHook(name: string): boolean {
  return STORE_HOOK.test(name);
}

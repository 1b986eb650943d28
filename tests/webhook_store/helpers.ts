/**
 * Instances that share a store, and the receivers of their webhooks.
 * @module
 */
import { createHooks, type Hook, type Hooks, type Logger, type Webhook } from "@omniagent/hooks";
import { createOutbox, type Outbox } from "@omniagent/hooks/outbox";
import type { Store } from "@omniagent/hooks/store";
import { createAddressGuard, verifyWebhook } from "@omniagent/hooks/webhook";
import {
  generateEncryptionKey,
  type WebhookConnection,
  type WebhookStore,
  webhookStore,
} from "@omniagent/hooks/webhook-store";
import { makeFolder } from "../support/folder.ts";
import { silentLogger } from "../support/silent_logger.ts";

/** The key of all instances that have no other. */
export const KEY = generateEncryptionKey();
/** A public address, where names lead unless a test says otherwise. */
const PUBLIC = "93.184.216.34";

/** A request that arrived. */
type Arrived = {
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
  /** Whether one of these secrets signed it. */
  isSignedBy(secret: string): Promise<boolean>;
};

/** A network of receivers, which all respond as `respond` does. */
export class Receivers {
  readonly arrived: Arrived[] = [];
  /** Addresses by name. */
  readonly addresses = new Map<string, string>();
  respond: (url: string) => Response | Promise<Response> = () =>
    new Response(null, { status: 204 });

  readonly fetch: typeof fetch = async (input, init) => {
    const url = String(input);
    const headers = new Headers(init?.headers);
    const body = new TextDecoder().decode(init?.body as Uint8Array);
    this.arrived.push({
      url,
      headers,
      body,
      isSignedBy: async (secret) => {
        return await verifyWebhook(body, headers, { secret }).then(() => true, () => false);
      },
    });
    return await this.respond(url);
  };

  readonly resolve = (name: string): Promise<readonly string[]> =>
    Promise.resolve([this.addresses.get(name) ?? PUBLIC]);

  /** The URLs that requests came to. */
  get urls(): readonly string[] {
    return this.arrived.map(({ url }) => url);
  }
}

/** One process of several. */
export type Instance = {
  readonly hooks: Hooks;
  readonly outbox: Outbox;
  readonly webhooks: WebhookStore;
  readonly connection: WebhookConnection;
  /** What was logged, as lines. */
  readonly lines: string[];
};

/** Opens an instance, which its hooks close. */
export async function openInstance(
  store: Store,
  receivers: Receivers,
  { encryptionKey = KEY, use = [], useLater = [] }: {
    readonly encryptionKey?: string | readonly string[];
    readonly use?: readonly Webhook[];
    /** Hooks that are opened after the webhooks of the store. */
    readonly useLater?: readonly Hook[];
  } = {},
): Promise<Instance> {
  const lines: string[] = [];
  const log = (...parts: readonly unknown[]): void => void lines.push(parts.map(String).join(" "));
  const logger: Logger = { ...silentLogger, warn: log, error: log };
  const outbox = createOutbox(store, { logger });
  const hooks = createHooks({ outbox, logger, use });
  const guard = createAddressGuard({ resolve: receivers.resolve });
  const webhooks = webhookStore(store, { encryptionKey, guard, fetch: receivers.fetch });
  const connection = webhooks.connect(hooks);
  hooks.use(...useLater);
  await hooks.init().catch(() => hooks.init());
  return { hooks, outbox, webhooks, connection, lines };
}

/** Two handles of one store. */
export type Stores = { readonly stores: readonly [Store, Store]; close(): Promise<void> };

/** Opens an SQLite file twice. Undefined on Node 20, which has no SQLite. */
export async function openSqliteTwice(): Promise<Stores | undefined> {
  const hasSqlite = "Bun" in globalThis ||
    await import("node:sqlite").then(() => true, () => false);
  if (!hasSqlite) return undefined;
  const { openStore } = await import("@omniagent/hooks/sqlite");
  const { folder, remove } = await makeFolder();
  const open = () => openStore(`${folder}/hooks.db`);
  const stores = [await open(), await open()] as const;
  return {
    stores,
    async close() {
      for (const store of stores) store.close();
      await remove();
    },
  };
}

import type { WebhookFields } from "../config/config.ts";
import type { Attempt, Hooks } from "../core/mod.ts";
import type { Page, PageOptions } from "../outbox/mod.ts";
import type { AddressGuard } from "../webhook/address_guard.ts";

export type { WebhookFields } from "../config/config.ts";

/** Options of a webhook store. */
export interface WebhookStoreOptions {
  /**
   * Seals secrets and header values with AES-256-GCM: 32 random bytes as base64, as `generateEncryptionKey`
   * returns them. Pass several while one replaces another: the first one seals, all open.
   */
  readonly encryptionKey: string | readonly string[];
  /** The prefix of the outbox on the same store. @default {"hooks"} */
  readonly prefix?: string | undefined;
  /**
   * Checks every URL: when it is stored, and before each attempt. Pass `createAddressGuard({ allowAddresses })`
   * to allow private addresses. @default `createAddressGuard()`
   */
  readonly guard?: AddressGuard | undefined;
  /** Replaces the platform's `fetch` for all stored webhooks. */
  readonly fetch?: typeof fetch | undefined;
}

/** A stored webhook, without its secrets and the values of its headers. */
export interface StoredWebhook {
  /** Its name, which is never used for another webhook. */
  readonly name: string;
  /** Its fields as they were given, without those that may be secret. */
  readonly fields: Omit<WebhookFields, "name" | "headers" | "secret" | "secrets">;
  /** The names of its headers. */
  readonly headerNames: readonly string[];
  /** Its secrets, the newest first: when each was set, and when it expires. All of them sign. */
  readonly secrets: readonly { readonly createdAt: Date; readonly expiresAt?: Date }[];
  /** Counts its changes, from 1. */
  readonly revision: number;
  /** When it was created. */
  readonly createdAt: Date;
  /** When it was last changed. */
  readonly updatedAt: Date;
  /** Why the connected hooks don't deliver to it, such as a missing key; absent if they do. */
  readonly problem?: string;
}

/** A webhook, and its new secret, which nothing returns again. */
export interface WebhookWithSecret {
  /** The webhook. */
  readonly webhook: StoredWebhook;
  /** The new secret: show it once, to the receiver. Absent if the caller chose it. */
  readonly secret?: string;
}

/** The fields of a new webhook. Without a `secret`, one is generated. */
export type NewWebhook = WebhookFields;

/**
 * Changes of a webhook: each field replaces the stored one, and null removes it. Headers are merged: omitted
 * ones stay, and null removes one.
 */
export type WebhookChanges =
  & {
    readonly [Name in Exclude<keyof WebhookFields, "name" | "headers">]?:
      | WebhookFields[Name]
      | null;
  }
  & { readonly headers?: Readonly<Record<string, string | null>> | null };

/** Which revision to change. */
export interface RevisionOptions {
  /** Fails with `webhook_changed` unless the webhook is at this revision. @default any */
  readonly revision?: number | undefined;
}

/** Options of `rotateSecret`. */
export interface RotateOptions extends RevisionOptions {
  /** The new secret, `whsec_…` or `whsk_…`. @default a random `whsec_` */
  readonly secret?: string | undefined;
  /**
   * How long the old secrets also sign, at most 30 days, in milliseconds or as in `"24h"`. 0 ends them at
   * once.
   * @default {86400000}
   */
  readonly overlap?: number | string | undefined;
}

/**
 * Webhooks in a store, instead of in a file or in code. Connect it to the hooks of every process that emits:
 * they deliver to the stored webhooks, and follow each change within five seconds.
 *
 * Operations throw a `ConfigError` for invalid fields, an `AddressNotAllowedError` for a URL that the guard
 * blocks, a `WebhookStoreError` with a code, and an `OutboxUnavailableError` when the store doesn't respond.
 */
export interface WebhookStore {
  /** The JSON Schemas of the fields of a new webhook, and of changes. */
  readonly schemas: {
    readonly create: Readonly<Record<string, unknown>>;
    readonly change: Readonly<Record<string, unknown>>;
  };
  /** Whether it is connected to hooks. */
  readonly isConnected: boolean;
  /**
   * Stores a new webhook. Its name must not have been used before. When connected, it is rejected if so many
   * others receive its events that one could no longer be stored; those with a `filter` don't count.
   */
  create(webhook: NewWebhook): Promise<WebhookWithSecret>;
  /** Returns a webhook; undefined if none is stored. */
  get(name: string): Promise<StoredWebhook | undefined>;
  /** Lists webhooks by name. */
  list(options?: PageOptions): Promise<Page<StoredWebhook>>;
  /** Changes a webhook. Pending deliveries follow at their next attempt. */
  update(name: string, changes: WebhookChanges, options?: RevisionOptions): Promise<StoredWebhook>;
  /** Sets a new secret. The old ones also sign for a while. */
  rotateSecret(name: string, options?: RotateOptions): Promise<WebhookWithSecret>;
  /**
   * Deletes a webhook for good, with everything that is stored for it. If a webhook of a file or code has had
   * its name within the last two days, in any connected process, its deliveries are left to that one.
   */
  delete(name: string, options?: RevisionOptions): Promise<void>;
  /** Sends a signed `webhook.test` event once. It is not stored, and not retried. */
  test(name: string, options?: { readonly signal?: AbortSignal | undefined }): Promise<Attempt>;
  /**
   * Registers the stored webhooks with hooks, before their first event, and keeps them up to date. The outbox
   * of the hooks must be on this store. Webhooks and hooks that are registered otherwise win over stored ones
   * of the same name.
   *
   * @throws {TypeError} when it is connected already, or the outbox is on another store
   */
  connect<Events extends object>(hooks: Hooks<Events>): WebhookConnection;
}

/** A connection between stored webhooks and hooks. */
export interface WebhookConnection {
  /** Reads the store now, and applies what changed. */
  refresh(): Promise<void>;
  /** Unregisters the stored webhooks with these names, for others that are registered next. */
  yieldTo(names: readonly string[]): void;
  /** Registers stored webhooks again if their names are free by now, such as after `yieldTo`. */
  reclaim(): void;
  /** Unregisters all stored webhooks. Their deliveries are held. */
  unregister(): void;
}

/**
 * A webhook as it is stored: its fields as they were given, with values that may be secret sealed.
 *
 * @module
 */
import { readWebhook, webhookFromConfig, webhookJsonSchema } from "../config/webhook_fields.ts";
import type { WebhookConfig, WebhookFields } from "../config/config.ts";
import type { Webhook } from "../core/mod.ts";
import { errorMessage } from "../internal/issues.ts";
import type { WebhookHookOptions } from "../webhook/options.ts";
import { MAX_BYTES } from "./limits.ts";
import { type Sealer, SealError } from "./seal.ts";
import { WebhookStoreError } from "./errors.ts";
import type { StoredWebhook, WebhookStore } from "./types.ts";

/** The version of the records. */
const RECORD_VERSION = 1;

/** A webhook in the store. Times are in milliseconds since 1970. */
export type WebhookRecord = {
  readonly v: number;
  /** Counts its changes, from 1. */
  readonly revision: number;
  /** Identifies the write, because one whose response was lost is sent again. */
  readonly write: string;
  readonly created: number;
  readonly updated: number;
  /** As they were given, without those below. */
  readonly fields: StoredWebhook["fields"];
  /** Sealed values by name. */
  readonly headers: Readonly<Record<string, string>>;
  /** The newest first. */
  readonly secrets: readonly SealedSecret[];
};

/** A sealed secret, and how long it is valid. */
type SealedSecret = Omit<PlainSecret, "secret"> & { readonly sealed: string };

/** A webhook with its secrets as they are: never log it, and return no part of it. */
export type PlainWebhook = {
  readonly fields: StoredWebhook["fields"];
  readonly headers: Readonly<Record<string, string>>;
  readonly secrets: readonly PlainSecret[];
};

/** A secret, and how long it is valid. */
type PlainSecret = {
  readonly secret: string;
  readonly created: number;
  readonly expires?: number;
};

/** Reads a record; undefined if this version can't. */
export function readRecord(value: unknown): WebhookRecord | undefined {
  const record = value as Partial<WebhookRecord> | null;
  const isWhole = record?.v === RECORD_VERSION && typeof record.revision === "number" &&
    typeof record.fields === "object" && typeof record.headers === "object" &&
    Array.isArray(record.secrets);
  return isWhole ? record as WebhookRecord : undefined;
}

/** Returns the record of a new webhook, or of one that has changed since `before`. */
export function newRecord(
  sealed: Pick<WebhookRecord, "fields" | "headers" | "secrets">,
  now: number,
  before?: WebhookRecord,
): WebhookRecord {
  return {
    v: RECORD_VERSION,
    revision: (before?.revision ?? 0) + 1,
    write: crypto.randomUUID(),
    created: before?.created ?? now,
    updated: now,
    ...sealed,
  };
}

/** Returns what callers may see of a record. */
export function describeRecord(name: string, record: WebhookRecord): StoredWebhook {
  return {
    name,
    fields: record.fields,
    headerNames: Object.keys(record.headers),
    secrets: record.secrets.map(({ created, expires }) => ({
      createdAt: new Date(created),
      ...(expires !== undefined && { expiresAt: new Date(expires) }),
    })),
    revision: record.revision,
    createdAt: new Date(record.created),
    updatedAt: new Date(record.updated),
  };
}

/** Seals a webhook with the first key. */
export async function sealWebhook(
  name: string,
  { fields, headers, secrets }: PlainWebhook,
  sealer: Sealer,
): Promise<Pick<WebhookRecord, "fields" | "headers" | "secrets">> {
  const sealedHeaders = Object.entries(headers).map(async ([header, value]) => {
    return [header, await sealer.seal(value, { name, field: `headers.${header}` })] as const;
  });
  const sealedSecrets = secrets.map(async ({ secret, ...times }) => {
    return { sealed: await sealer.seal(secret, { name, field: "secret" }), ...times };
  });
  // Awaited together: a rejection that nothing awaits yet would end the process.
  const [entries, sealed] = await Promise.all([
    Promise.all(sealedHeaders),
    Promise.all(sealedSecrets),
  ]);
  return { fields, headers: Object.fromEntries(entries), secrets: sealed };
}

/** Opens a record, without expired secrets. @throws {WebhookStoreError} `webhook_locked` */
export async function openWebhook(
  name: string,
  { fields, headers, secrets }: WebhookRecord,
  sealer: Sealer,
  now: number,
): Promise<PlainWebhook> {
  const openedHeaders = Object.entries(headers).map(async ([header, sealed]) => {
    return [header, await sealer.open(sealed, { name, field: `headers.${header}` })] as const;
  });
  const valid = secrets.filter(({ expires = Infinity }) => expires > now);
  const openedSecrets = valid.map(async ({ sealed, ...times }) => {
    return { secret: await sealer.open(sealed, { name, field: "secret" }), ...times };
  });
  try {
    const [entries, opened] = await Promise.all([
      Promise.all(openedHeaders),
      Promise.all(openedSecrets),
    ]);
    return { fields, headers: Object.fromEntries(entries), secrets: opened };
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    throw new WebhookStoreError(
      "webhook_locked",
      `Cannot open webhook '${name}': ${error.message}`,
    );
  }
}

/**
 * Checks fields as they would be in a file, and returns them as options.
 *
 * @throws {ConfigError} with every issue
 * @throws {WebhookStoreError} when they are too large
 */
export function checkWebhook(value: unknown): WebhookConfig {
  const config = readWebhook(value);
  const bytes = new TextEncoder().encode(JSON.stringify(value)).length;
  if (bytes <= MAX_BYTES) return config;
  throw new WebhookStoreError(
    "webhook_invalid",
    `Cannot store webhook '${config.name}': its fields must be at most ${MAX_BYTES} bytes of JSON, got ${bytes}`,
  );
}

/** Splits checked fields into those that may be read, and those that are sealed. */
export function splitFields(
  { name: _, headers, secret, secrets, ...fields }: WebhookFields,
  now: number,
): PlainWebhook {
  const kept = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined);
  return {
    fields: Object.fromEntries(kept) as StoredWebhook["fields"],
    headers: headers ?? {},
    secrets: (secrets ?? (secret === undefined ? [] : [secret])).map((secret) => {
      return { secret, created: now };
    }),
  };
}

/** Returns a webhook as it would be in a file. */
export function joinFields(
  name: string,
  { fields, headers, secrets }: PlainWebhook,
): WebhookFields {
  return {
    name,
    ...fields,
    ...(Object.keys(headers).length > 0 && { headers }),
    ...(secrets.length > 0 && { secrets: secrets.map(({ secret }) => secret) }),
  };
}

/** Options of every webhook that comes from the store. */
export type SendOptions = Pick<WebhookHookOptions, "fetch"> & {
  readonly guard: NonNullable<WebhookHookOptions["guard"]>;
};

/** Creates the webhook that sends. @throws {TypeError | RangeError | ConfigError} when it is invalid */
export function createWebhook(name: string, plain: PlainWebhook, options: SendOptions): Webhook {
  return webhookFromConfig(readWebhook(joinFields(name, plain)), options);
}

/** A webhook to register. */
export type PreparedWebhook = {
  /** Undefined if no webhook can be created from the record. */
  readonly webhook: Webhook | undefined;
  /** When the next of its secrets expires, in milliseconds since 1970. */
  readonly expires: number;
  /** Why nothing is sent to it. */
  problem?: string | undefined;
};

/** Creates the webhook of a record. One that can't be opened accepts events, and holds them. */
export async function prepareWebhook(
  name: string,
  record: WebhookRecord,
  { sealer, send, now }: {
    readonly sealer: Sealer;
    readonly send: SendOptions;
    readonly now: number;
  },
): Promise<PreparedWebhook> {
  const ends = record.secrets.flatMap(({ expires = 0 }) => expires > now ? [expires] : []);
  try {
    const webhook = createWebhook(name, await openWebhook(name, record, sealer, now), send);
    return { webhook, expires: Math.min(...ends, Infinity) };
  } catch (error) {
    const problem = `Webhook '${name}' is held: ${errorMessage(error)}`;
    let webhook: Webhook | undefined;
    try {
      webhook = createHeldWebhook(name, record, problem, send);
    } catch { // another version wrote its fields
    }
    return { webhook, expires: Infinity, problem };
  }
}

/** Creates a webhook that accepts events and sends nothing, because this process can't open its secrets. */
function createHeldWebhook(
  name: string,
  { fields }: WebhookRecord,
  reason: string,
  options: SendOptions,
): Webhook {
  const plain = { fields, headers: {}, secrets: [] };
  const webhook = createWebhook(name, plain, options);
  const { events, timeout, concurrency, retry, ordering } = webhook;
  return {
    name,
    events,
    timeout,
    concurrency,
    retry,
    ...(ordering && { ordering }),
    held: reason,
    accepts: (event) => webhook.accepts(event),
    address: () => webhook.address!(),
    attempt: () => Promise.resolve({ verdict: "retry", duration: 0, error: reason }),
    deliver: () => Promise.reject(new WebhookStoreError("webhook_locked", reason)),
  };
}

type Json = Readonly<Record<string, unknown>>;

/** Returns the JSON Schemas of a new webhook, and of changes: there, null removes an optional field. */
export function webhookSchemas(): WebhookStore["schemas"] {
  const create = webhookJsonSchema();
  const { required: _, ...rest } = create;
  const { name: __, headers, ...fields } = create.properties as Readonly<Record<string, Json>>;
  const properties = { ...fields, headers: withRemovable(headers!) };
  return { create, change: { ...rest, properties } };
}

/** Returns a schema in which each header can be removed by null. */
function withRemovable({ anyOf, ...rest }: Json): Json {
  const forms = (anyOf as readonly Json[]).map((form): Json => {
    const { additionalProperties } = form;
    if (additionalProperties === undefined) return form;
    return { ...form, additionalProperties: { anyOf: [additionalProperties, { type: "null" }] } };
  });
  return { ...rest, anyOf: forms };
}

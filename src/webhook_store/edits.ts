/**
 * Applies changes to a stored webhook.
 *
 * @module
 */
import { DURATION, toMilliseconds } from "../config/duration.ts";
import { inspect, isObject } from "../internal/validate.ts";
import { MAX_SECRETS } from "../webhook/limits.ts";
import type { NewWebhook, RotateOptions, WebhookChanges } from "./types.ts";
import { WebhookStoreError } from "./errors.ts";
import { DEFAULT_OVERLAP, MAX_OVERLAP } from "./limits.ts";
import { checkWebhook, joinFields, type PlainWebhook, splitFields } from "./record.ts";

/**
 * Returns a webhook with changes.
 *
 * @throws {ConfigError | WebhookStoreError} when they are invalid
 */
export function changeWebhook(
  name: string,
  before: PlainWebhook,
  changes: WebhookChanges,
  now: number,
): { readonly plain: PlainWebhook; readonly url: string } {
  const fields = mergeFields(name, before, changes);
  const { url } = checkWebhook(fields);
  const plain = splitFields(fields as NewWebhook, now);
  return { plain: hasSecret(changes) ? plain : { ...plain, secrets: before.secrets }, url };
}

/**
 * Returns a webhook with a new secret. Earlier ones expire after `overlap` milliseconds.
 *
 * @throws {ConfigError | WebhookStoreError} when the secret is invalid, or too many are valid
 */
export function rotateWebhook(
  name: string,
  before: PlainWebhook,
  { secret, overlap }: { readonly secret: string; readonly overlap: number },
  now: number,
): PlainWebhook {
  const old = overlap === 0 ? [] : before.secrets.map(({ expires = Infinity, ...rest }) => {
    return { ...rest, expires: Math.min(expires, now + overlap) };
  });
  if (old.length >= MAX_SECRETS) {
    throw new WebhookStoreError(
      "webhook_invalid",
      `Cannot rotate the secret of webhook '${name}': ${MAX_SECRETS} secrets are still valid. ` +
        "Rotate without an overlap, or wait until one has expired",
    );
  }
  const plain = { ...before, secrets: [{ secret, created: now }, ...old] };
  checkWebhook(joinFields(name, plain));
  return plain;
}

/** Returns how long old secrets sign, in milliseconds. @throws {WebhookStoreError} when it is out of bounds */
export function readOverlap(name: string, overlap: RotateOptions["overlap"]): number {
  if (overlap === undefined) return DEFAULT_OVERLAP;
  const isText = typeof overlap === "string" && DURATION.test(overlap);
  const milliseconds = isText ? toMilliseconds(overlap) : overlap;
  if (typeof milliseconds === "number" && milliseconds >= 0 && milliseconds <= MAX_OVERLAP) {
    return milliseconds;
  }
  throw new WebhookStoreError(
    "webhook_invalid",
    `Cannot rotate the secret of webhook '${name}': 'overlap' must be a duration such as 24h, from 0s ` +
      `to 720h, got ${inspect(overlap)}`,
  );
}

/** Returns whether fields choose a secret. */
export function hasSecret(fields: object): boolean {
  return Object.hasOwn(fields, "secret") || Object.hasOwn(fields, "secrets");
}

/** Returns the fields of a webhook with changes, to be checked. */
function mergeFields(name: string, before: PlainWebhook, changes: WebhookChanges): unknown {
  const { headers, ...others } = changes;
  const given = changes as Readonly<Record<string, unknown>>;
  if (given.name !== undefined && given.name !== name) {
    throw new WebhookStoreError(
      "webhook_invalid",
      `Cannot change webhook '${name}': a name can't be changed. Create another webhook`,
    );
  }
  const kept = hasSecret(changes) ? { ...before, secrets: [] } : before;
  return { ...joinFields(name, kept), ...others, headers: mergeHeaders(before.headers, headers) };
}

/** Merges headers, whose names are case-insensitive. Anything but an object is left to validation. */
function mergeHeaders(
  before: PlainWebhook["headers"],
  changes: WebhookChanges["headers"],
): unknown {
  if (changes === undefined) return before;
  if (!isObject(changes)) return changes;
  const changed = new Set(Object.keys(changes).map((name) => name.toLowerCase()));
  const kept = Object.entries(before).filter(([name]) => !changed.has(name.toLowerCase()));
  const added = Object.entries(changes).filter(([, value]) => value !== null);
  return Object.fromEntries([...kept, ...added]);
}

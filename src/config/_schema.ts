/**
 * The schema of the file, but for the fields of a webhook.
 *
 * @module
 */
import type {
  RetentionConfig,
  ServerConfig,
  StorageConfig,
  TokenConfig,
  WebhookConfig,
} from "./config.ts";
import { boolean, count, type Kind, list } from "./_kinds.ts";
import { object } from "./_mappings.ts";
import { WEBHOOK_ORIGIN } from "../webhook/webhook_validation.ts";
import { text } from "./_text.ts";
import { duration, host, name, path, port, time, token, word } from "./_texts.ts";
import { shared, type SharedFields, webhook } from "./_webhook_schema.ts";

/** The file, before the defaults are merged. */
export interface ConfigFile {
  readonly $schema?: string | undefined;
  readonly hooks?: HooksSection | undefined;
  readonly storage?: StorageConfig | undefined;
  readonly retention?: RetentionConfig | undefined;
  readonly server?: Partial<ServerConfig> | undefined;
}

/** What the webhooks are. */
export interface HooksSection {
  readonly defaults?: SharedFields | undefined;
  readonly webhooks?: readonly WebhookConfig[] | undefined;
}

const tokens: Kind<readonly TokenConfig[]> = list(
  object<TokenConfig>({
    name: { kind: name, about: "Shown in logs.", required: true },
    token: { kind: token, about: "What its holder sends.", required: true },
    scopes: {
      kind: list(word("emit", "read", "admin"), {
        of: "scopes",
        from: 1,
        to: 3,
        show: "all",
      }),
      about: "What it may be used for.",
      required: true,
    },
    expires_at: {
      kind: time,
      about: "From then on it is refused. Left out: never.",
      explicit: true,
    },
  }),
  { of: "tokens", from: 0, to: 1000, unique: ["name", "token"] },
);

/** Where a field belongs that someone looks for at the top. */
const SECTIONS = {
  hooks: ["webhooks", "defaults"],
  storage: ["path"],
  retention: ["event_log", "disable_after"],
  server: ["host", "port", "tokens"],
};
const ELSEWHERE = Object.fromEntries(
  Object.entries(SECTIONS).flatMap(([section, fields]) =>
    fields.map((field) => [field, `it belongs under ${section}, as ${section}.${field}`])
  ),
);

/** The whole file. */
export const schema: Kind<ConfigFile> = object<ConfigFile>({
  hooks: {
    kind: object<HooksSection>({
      defaults: {
        kind: object<SharedFields>(shared, {
          either: ["secret", "secrets"],
          elsewhere: Object.fromEntries(
            ["name", "events", "url"].map((key) => [key, "it has to be said of each webhook"]),
          ),
        }),
        about: "What holds for all webhooks that do not say otherwise.",
      },
      webhooks: {
        kind: list(webhook, { of: "webhooks", from: 0, to: 256, unique: ["name"] }),
        about: "HTTP endpoints that hear events.",
      },
    }),
    about: "Who hears events.",
  },
  storage: {
    kind: object<StorageConfig>({
      path: {
        kind: path,
        about:
          "A file, :memory:, or the URL of a KV Connect server; relative to the working directory.",
      },
    }),
    about: "Where durable deliveries are kept.",
  },
  retention: {
    kind: object<RetentionConfig>({
      events: {
        kind: duration(),
        about:
          "How long an event is kept: what is not delivered by then is gone. At least twice the " +
          "longest retry schedule.",
        otherwise: "720h",
      },
      event_log: {
        kind: boolean(),
        about: "Whether events that no webhook hears are stored too.",
        otherwise: true,
      },
      disable_after: {
        kind: duration(),
        about: "After how long of nothing but failures a webhook is switched off.",
        otherwise: "120h",
      },
    }),
    about: "How long things are kept.",
  },
  server: {
    kind: object<Partial<ServerConfig>>({
      host: { kind: host, about: "Where it listens.", otherwise: "127.0.0.1" },
      port: {
        kind: port,
        about: "Where it listens; 0 lets the system choose.",
        otherwise: 8787,
      },
      tokens: { kind: tokens, about: "Who may do what.", explicit: true },
      webhook_origins: {
        kind: list(
          text({ accepted: "a name such as eventgrid.azure.net, or *", pattern: WEBHOOK_ORIGIN }),
          { of: "names", from: 1, to: 100, show: "all" },
        ),
        about:
          "Senders of CloudEvents that may deliver, by their WebHook-Request-Origin, such as " +
          'eventgrid.azure.net; "*" for all. Left out: their OPTIONS request is answered with 405.',
      },
      webhook_rate: {
        kind: count({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        about: "Requests per minute that they are told. Left out: no limit.",
      },
    }),
    about: "How the HTTP server of the hooks command listens.",
  },
  $schema: {
    kind: text({ accepted: "text", pattern: /^/u }),
    about: "Where this schema is, for editors.",
  },
}, { elsewhere: ELSEWHERE });

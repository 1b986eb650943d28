/**
 * A server with a console and data that looks real, for its tests and screenshots: webhooks of which one
 * fails, a gate that asks, and dead letters.
 * @module
 */
import {
  type AgentEvents,
  createHooks,
  fixedRetry,
  type Hooks,
  type HooksOptions,
} from "@omniagent/hooks";
import { ask, deny } from "@omniagent/hooks/gates";
import { createHooksApp, type HooksAppSettings, type Token } from "@omniagent/hooks/hono";
import { createOutbox, type Outbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { createAddressGuard } from "@omniagent/hooks/webhook";
import {
  generateEncryptionKey,
  type WebhookStore,
  webhookStore,
} from "@omniagent/hooks/webhook-store";
import { Hono } from "hono";
import { silentLogger } from "./silent_logger.ts";
import { until } from "./until.ts";

/** The token of each scope. */
export const CONSOLE_TOKENS = {
  read: "console-read-0123456789",
  approve: "console-approve-0123456789",
  admin: "console-admin-0123456789",
} as const;

/** The only URL of a webhook that responds with 200. */
export const WORKING_URL = "https://billing.example.com/hooks";

/** The data of a console. */
export type ConsoleFixture = {
  readonly hooks: Hooks<AgentEvents>;
  readonly outbox: Outbox;
  readonly webhooks: WebhookStore;
  /** The app, mounted at `base`. */
  readonly app: Hono;
  /** What the receiver of `audit` does. @default {"fail"} */
  audit: "fail" | "work";
  close(): Promise<void>;
};

/** Creates a server with data. `base` is where the app is mounted. */
export async function createConsoleFixture(
  { base = "", app: settings = {}, hooks: options = {}, letters = 12 }: {
    readonly base?: string;
    readonly app?: HooksAppSettings;
    readonly hooks?: HooksOptions<AgentEvents>;
    /** Dead letters to begin with, at least 2. */
    readonly letters?: number;
  } = {},
): Promise<ConsoleFixture> {
  const store = memoryStore();
  const outbox = createOutbox(store, { logger: silentLogger });
  // A network of its own: names lead to a public address, and one path of one host exists.
  const webhooks = webhookStore(store, {
    encryptionKey: generateEncryptionKey(),
    guard: createAddressGuard({ resolve: () => Promise.resolve(["93.184.216.34"]) }),
    fetch: (input) => {
      const { href } = new URL(input instanceof Request ? input.url : input);
      return Promise.resolve(
        href === WORKING_URL
          ? new Response("stored")
          : new Response(`no such path <b>${href}</b>`, { status: 404 }),
      );
    },
  });
  const hooks = createHooks<AgentEvents>({ logger: silentLogger, ...options, outbox });
  const tokens: readonly Token[] = (["read", "approve", "admin"] as const).map((scope) => ({
    name: { read: "grace", approve: "ada", admin: "lin" }[scope],
    token: CONSOLE_TOKENS[scope],
    scopes: [scope],
  }));
  const fixture: ConsoleFixture = {
    hooks,
    outbox,
    webhooks,
    audit: "fail",
    app: new Hono().route(
      base,
      createHooksApp(hooks, { tokens, logger: silentLogger, console: true, webhooks, ...settings }),
    ),
    close: () => hooks.close(),
  };
  hooks.use({
    name: "audit",
    events: ["tool.*"],
    durable: true,
    retry: fixedRetry({ delay: 0, retries: 2, jitter: 0 }),
    handle() {
      if (fixture.audit === "fail") throw new Error("the ledger is not reachable");
    },
  });
  hooks.use({ name: "metrics", events: ["tool.*", "message.*"], durable: true, handle() {} });
  hooks.gate("tool.called", {
    name: "spending",
    handle: ({ data: { name, params } }) => {
      const amount = Number((params as { amount?: number } | undefined)?.amount ?? 0);
      if (name !== "pay") return;
      if (amount > 10_000) return deny("Over the limit of 10,000");
      return ask(`Pay ${amount.toLocaleString("en-US")} EUR to Ada GmbH?`, {
        allow: ["allow", "deny", "edit"],
      });
    },
  });
  hooks.gate("tool.called", {
    name: "no-deletions",
    handle: ({ data: { name, params } }) => {
      const { command = "" } = (params ?? {}) as { readonly command?: string };
      return name === "bash" && command.startsWith("rm ")
        ? deny("Deleting files is not allowed")
        : undefined;
    },
  });
  await fill(fixture, letters);
  return fixture;
}

/** An agent's work: tools that are called, one that is denied, and one that waits for a person. */
async function fill({ hooks, outbox }: ConsoleFixture, letters: number): Promise<void> {
  const sessionId = "chat-2041";
  await hooks.emit("message.received", { role: "user", content: "Pay the invoice of Ada" }, {
    sessionId,
  });
  for (let n = 2; n < letters; n++) { // two more follow below
    const name = ["bash", "search", "read_file"][n % 3]!;
    await hooks.emit("tool.called", { name, params: { query: `invoice ${n}` } }, { sessionId });
  }
  await hooks.decide("tool.called", { name: "bash", params: { command: "ls invoices" } }, {
    sessionId,
  });
  await hooks.decide("tool.called", { name: "bash", params: { command: "rm -rf /" } }, {
    sessionId,
  });
  await hooks.decide("tool.called", {
    name: "pay",
    params: { to: "Ada GmbH", amount: 4_200, invoice: "2026-117" },
  }, { sessionId });
  const dead = async () =>
    (await outbox.stats()).find(({ target }) => target === "audit")?.dead ?? 0;
  await until(async () => await dead() >= letters, `${letters} dead letters`);
}

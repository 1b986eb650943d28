import { isObject } from "../../internal/validate.ts";
import { Argument, type Command } from "commander";
import type { AttemptJson } from "../../hono/deliveries.ts";
import type { TargetStateJson } from "../../hono/targets.ts";
import type { WebhookJson } from "../../hono/webhooks.ts";
import {
  addOutputOptions,
  connect,
  fetchList,
  type OutputOptions,
  pathOf,
  type ServerContext,
} from "../client.ts";
import { describeTarget, stateColumn } from "../delivery.ts";
import { CommandError } from "../errors.ts";
import { parseInput, parseInteger, readStdin } from "../input.ts";
import type { CommandIO } from "../io.ts";
import { jsonText, printable } from "../output.ts";
import { printList } from "../table.ts";

const ACTIONS = [
  "list",
  "show",
  "create",
  "update",
  "delete",
  "test",
  "rotate-secret",
  "enable",
  "disable",
] as const;

type Action = typeof ACTIONS[number];

/** Actions that depend on a revision. */
const CHANGES: readonly Action[] = ["update", "delete", "rotate-secret"];

type Options = OutputOptions & {
  readonly overlap?: string;
  readonly revision?: number;
};

type Context = ServerContext<Options>;

/** Defines `hooks webhooks`: manages the webhooks that a server stores. */
export function define(command: Command, io: CommandIO): void {
  command
    .addArgument(new Argument("[action]", "what to do").choices(ACTIONS).default("list"))
    .argument("[name]", "name of the webhook")
    .argument("[fields]", "fields to create or update: a JSON object, or - for stdin")
    .option("--overlap <duration>", "how long the old secret keeps signing (default: 24h)")
    .option(
      "--revision <n>",
      "change the webhook only if it is still at this revision, as printed by `show`",
      parseInteger(1, Number.MAX_SAFE_INTEGER),
    );
  addOutputOptions(command, "print JSON")
    .addHelpText(
      "after",
      `
Manages webhooks in the store of a server that has HOOKS_ENCRYPTION_KEY. Fields
are those of a webhook in hooks.yaml. In an update, null removes a field.

Examples:
  hooks webhooks create audit '{"events":["tool.*"],"url":"https://example.com/"}'
  hooks webhooks update audit '{"url":"https://new.example.com/"}'
  hooks webhooks test audit                 send one webhook.test event
  hooks webhooks update audit '{"timeout":"5s"}' --revision 3
  hooks webhooks rotate-secret audit --overlap 1h
  hooks webhooks delete audit               permanently, with its deliveries
`,
    )
    .action(
      async (
        action: Action,
        name: string | undefined,
        fields: string | undefined,
        options: Options,
      ) => {
        checkUsage(action, name, fields, options);
        const context = connect(options, io);
        if (name === undefined) await list(context);
        else await act(context, action, name, fields);
      },
    );
}

function checkUsage(
  action: Action,
  name: string | undefined,
  fields: string | undefined,
  { overlap, revision }: Options,
): void {
  const fail = (message: string, detail: string): never => {
    throw new CommandError(message, [detail], 2);
  };
  if (action === "list" ? name !== undefined : !name) {
    fail(
      action === "list"
        ? "Cannot list a single webhook: list takes no name"
        : `Cannot ${action} a webhook: its name is missing`,
      `Run \`hooks webhooks\` or \`hooks webhooks ${action === "list" ? "show" : action} NAME\``,
    );
  }
  const takesFields = action === "create" || action === "update";
  if (takesFields !== (fields !== undefined)) {
    fail(
      takesFields
        ? `Cannot ${action} a webhook: its fields are missing`
        : `Cannot ${action} a webhook with fields: only create and update take them`,
      `Run \`hooks webhooks ${action} NAME${takesFields ? " '{…}'" : ""}\``,
    );
  }
  if (overlap !== undefined && action !== "rotate-secret") {
    fail("Cannot use --overlap: only rotate-secret takes one", "Leave it out");
  }
  if (revision === undefined || CHANGES.includes(action)) return;
  fail("Cannot use --revision: only update, delete, and rotate-secret take one", "Leave it out");
}

async function list(context: Context): Promise<void> {
  const { items } = await fetchList<WebhookJson>(context.client, "webhooks", {});
  printList(context, items, {
    none: "no webhooks are stored: create one with `hooks webhooks create`",
    hasHeader: true,
    columns: (style) => [
      { title: "name", text: ({ name }) => printable(name), min: 8 },
      { title: "events", text: ({ events }) => printable(events.join(", ")), min: 8 },
      { title: "url", text: ({ url }) => printable(url), min: 16 },
      stateColumn(style, ({ state }) => state),
      { title: "problem", text: ({ problem, reason = "" }) => printable(problem ?? reason) },
    ],
  });
}

async function act(
  { client, options: { json, overlap, revision }, io }: Context,
  action: Action,
  name: string,
  fields: string | undefined,
): Promise<void> {
  const path = pathOf("webhooks", name);
  const print = (value: unknown, text: string): void => {
    io.stdout.write(`${json ? jsonText(value) : text}\n`);
  };
  const show = (webhook: WebhookJson): void => print(webhook, JSON.stringify(webhook, null, 2));
  // A change names the fields that it sets, so by default it applies to whatever is stored.
  const headers = { "if-match": revision === undefined ? "*" : `"${revision}"` };
  switch (action) {
    case "create": {
      const body = { ...await readFields(io, fields!), name };
      return show(await client.json<WebhookJson>("/webhooks", { body }));
    }
    case "update": {
      const body = await readFields(io, fields!);
      return show(await client.json<WebhookJson>(path, { method: "PATCH", body, headers }));
    }
    case "delete": {
      const deleted = await client.json(path, { method: "DELETE", headers });
      return print(deleted, `${printable(name)} is deleted, with its pending deliveries`);
    }
    case "test": {
      const attempt = await client.json<AttemptJson>(`${path}/test`, { method: "POST" });
      print(attempt, describeAttempt(name, attempt));
      if (attempt.verdict === "delivered") return;
      throw new CommandError(`The test of ${printable(name)} failed`);
    }
    case "rotate-secret":
      return show(
        await client.json<WebhookJson>(`${path}/rotate-secret`, {
          body: overlap === undefined ? {} : { overlap },
          headers,
        }),
      );
    case "enable":
    case "disable": {
      await client.json(path); // a target of this name may be no stored webhook
      const state = await client.json<TargetStateJson>(pathOf("targets", name, action), {
        method: "POST",
      });
      return print(state, printable(describeTarget(state)));
    }
    default:
      return show(await client.json<WebhookJson>(path));
  }
}

/** Reads the fields of a webhook. `-` is stdin: other users see arguments, which may have secrets. */
async function readFields(io: CommandIO, text: string): Promise<object> {
  const what = "the fields";
  const fields = parseInput(text === "-" ? await readStdin(io, what) : text, what);
  if (isObject(fields)) return fields;
  throw new CommandError("Cannot read the fields: they must be a JSON object", [], 2);
}

function describeAttempt(name: string, { verdict, status, duration, error }: AttemptJson): string {
  const result = verdict === "delivered" ? "accepted the test" : "did not accept the test";
  const how = [status === undefined ? "" : `status ${status}`, `${duration} ms`, error ?? ""];
  return printable(`${name} ${result}: ${how.filter((part) => part !== "").join(", ")}`);
}

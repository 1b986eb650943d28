import type { Command } from "commander";
import type { CommandIO } from "./io.ts";

/** A subcommand: its arguments and options, and what it does. */
export type CommandModule = {
  /** Adds arguments, options, examples and the action. The action throws what failed. */
  readonly define: (command: Command, io: CommandIO) => void;
};

/** A subcommand as the overview shows it. Its module is loaded when it is called. */
export type CommandEntry = {
  /** One line. */
  readonly summary: string;
  /** Loads it. */
  readonly load: () => Promise<CommandModule>;
};

/** Every subcommand, in the order in which people need them. */
export const commands: Readonly<Record<string, CommandEntry>> = {
  serve: {
    summary: "take events over HTTP, and deliver them to webhooks",
    load: () => import("./commands/serve.ts"),
  },
  check: {
    summary: "find every fault of a configuration",
    load: () => import("./commands/check.ts"),
  },
  send: {
    summary: "give an event to a server, or many from a pipe",
    load: () => import("./commands/send.ts"),
  },
  tail: {
    summary: "follow the events of a server",
    load: () => import("./commands/tail.ts"),
  },
  deliveries: {
    summary: "see what became of events on their way to webhooks",
    load: () => import("./commands/deliveries.ts"),
  },
  replay: {
    summary: "deliver again what was given up, or delivered",
    load: () => import("./commands/replay.ts"),
  },
  targets: {
    summary: "see which webhooks get anything, and turn them on or off",
    load: () => import("./commands/targets.ts"),
  },
  listen: {
    summary: "receive webhooks: verify them, print them, fail on demand",
    load: () => import("./commands/listen.ts"),
  },
  secret: {
    summary: "make a secret that signs webhooks",
    load: () => import("./commands/secret.ts"),
  },
  schema: {
    summary: "print the JSON Schema of a configuration, for editors",
    load: () => import("./commands/schema.ts"),
  },
};

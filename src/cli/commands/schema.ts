import type { Command } from "commander";
import { configJsonSchema } from "../../config/mod.ts";
import type { CommandIO } from "../io.ts";

/** Defines `hooks schema`: prints the JSON Schema of a configuration. */
export function define(command: Command, io: CommandIO): void {
  command
    .addHelpText(
      "after",
      `
Examples:
  hooks schema >hooks.schema.json
  # yaml-language-server: $schema=./hooks.schema.json    (top of hooks.yaml)
`,
    )
    .action(() => io.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`));
}

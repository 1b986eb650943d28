import type { Command } from "commander";
import { generateKeyPair, generateSecret } from "../../webhook/mod.ts";
import type { CommandIO } from "../io.ts";

/** `hooks secret`: what signs webhooks. */
export function define(command: Command, io: CommandIO): void {
  command
    .option("--ed25519", "a key pair: whsk_ for the sender, whpk_ for its receivers")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Examples:
  export HOOKS_SECRET=$(hooks secret)   one signs with it, the other verifies
  hooks secret --ed25519                receivers can verify, and not sign
`,
    )
    .action(async (options: { readonly ed25519?: true; readonly json?: true }) => {
      const made = options.ed25519 ? await generateKeyPair() : { secret: generateSecret() };
      const text = options.json ? JSON.stringify(made) : Object.values(made).join("\n");
      io.stdout.write(`${text}\n`);
    });
}

import type { Command } from "commander";
import { generateKeyPair, generateSecret } from "../../webhook/mod.ts";
import type { CommandIO } from "../io.ts";

/** Defines `hooks secret`: generates a secret that signs webhooks. */
export function define(command: Command, io: CommandIO): void {
  command
    .option("--ed25519", "generate a key pair: whsk_ for the sender, whpk_ for receivers")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Examples:
  export HOOKS_SECRET=$(hooks secret)   shared by the sender and its receivers
  hooks secret --ed25519                receivers can verify but not sign
`,
    )
    .action(async ({ ed25519, json }: { readonly ed25519?: true; readonly json?: true }) => {
      const keys = ed25519 ? await generateKeyPair() : { secret: generateSecret() };
      io.stdout.write(`${json ? JSON.stringify(keys) : Object.values(keys).join("\n")}\n`);
    });
}

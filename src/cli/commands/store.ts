import { Argument, type Command } from "commander";
import { maskUrl } from "../../internal/mask_url.ts";
import { storeErrorOf } from "../../store/mod.ts";
import { CommandError } from "../errors.ts";
import type { CommandIO } from "../io.ts";
import { count, Progress } from "../output.ts";
import { copyEntries, isEmpty, readerOf } from "../store/copy.ts";
import { isSameLocation, parseStoreLocation } from "../store/location.ts";

type Options = { readonly force?: true; readonly json?: true };

/** Defines `hooks store`: copies a store to another. */
export function define(command: Command, io: CommandIO): void {
  command
    .addArgument(new Argument("<action>", "what to do").choices(["copy"]))
    .argument("<from>", "store to copy: a file, or postgres://…")
    .argument("<to>", "store to write: a file, postgres://…, or a KV Connect URL")
    .option("--force", "write to a store that has entries; replace entries with the same keys")
    .option("--json", "print a JSON object")
    .addHelpText(
      "after",
      `
First, stop everything that uses either store. The format of an existing file,
SQLite or Deno KV, is detected; a new file is SQLite, or Deno KV after 'kv:'.
Entries keep their remaining lifetimes. To repeat an interrupted copy, use --force.

Examples:
  hooks store copy hooks.db hooks.sqlite         from Deno KV to SQLite
  hooks store copy hooks.sqlite postgres://hooks@db.example.com/app
  hooks serve --store hooks.sqlite
`,
    )
    .action((_: "copy", from: string, to: string, options: Options) => copy(from, to, options, io));
}

async function copy(from: string, to: string, options: Options, io: CommandIO): Promise<void> {
  const [source, target] = [parseStoreLocation(from), parseStoreLocation(to)];
  if (isSameLocation(source, target)) {
    throw new CommandError("Cannot copy a store to itself", [], 2);
  }
  const progress = new Progress(io);
  const names = `${maskUrl(from)} to ${maskUrl(to)}`;
  try {
    const readEntries = await readerOf(source); // before a target is created for nothing
    const store = await io.openStore(to);
    try {
      if (!options.force && !await isEmpty(store)) {
        throw new CommandError(`Cannot copy to ${maskUrl(to)}: it has entries`, [
          "Pass --force to replace entries with the same keys, such as after an interrupted copy",
        ]);
      }
      const result = await copyEntries(
        readEntries,
        store,
        (copied) => progress.show(`${count(copied, "entry", "entries")} copied`),
      );
      progress.clear();
      report(result, names, options, io);
    } finally {
      store.close();
    }
  } catch (error) {
    const failed = storeErrorOf(error);
    if (failed === undefined) throw error;
    throw new CommandError(`Cannot copy ${names}: ${failed.message}`, [`Reason: ${failed.advice}`]);
  } finally {
    progress.clear();
  }
}

function report(
  { copied, skipped, leased, problem }: Awaited<ReturnType<typeof copyEntries>>,
  names: string,
  { json }: Options,
  io: CommandIO,
): void {
  if (problem !== undefined) {
    throw new CommandError(`Copied ${names}, but ${problem}`, [
      "Stop everything that uses the stores, and run the command again with --force",
    ]);
  }
  if (leased > 0) {
    io.stderr.write(
      `warning: ${count(leased, "delivery", "deliveries")} were leased: if a process still uses ` +
        "the source, stop it and copy again with --force\n",
    );
  }
  if (json) io.stdout.write(`${JSON.stringify({ copied, skipped, leased })}\n`);
  else {
    const others = skipped > 0 ? `; left out ${skipped} that another program wrote` : "";
    io.stdout.write(`copied ${count(copied, "entry", "entries")} from ${names}${others}\n`);
  }
}

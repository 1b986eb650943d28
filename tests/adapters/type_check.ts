/**
 * Checks programs against the types of the real SDKs, as TypeScript does for an app that installed them.
 * @module
 */
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

// The same from the source, and from the bundle in .build/adapters/.
const compiler = new URL(
  "../../tests/runtime/node_modules/typescript5/bin/tsc",
  import.meta.url,
);

/** Returns what the compiler says about a program, which it sees in a file of that name; empty if nothing. */
export function typeErrors(name: string, program: string): string {
  const file = fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
  writeFileSync(file, program);
  const options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext"];
  try {
    const args = [fileURLToPath(compiler), ...options, "--target", "es2022", file];
    execFileSync("node", args, { encoding: "utf8" });
    return "";
  } catch (error) {
    return (error as { readonly stdout: string }).stdout;
  } finally {
    rmSync(file);
  }
}

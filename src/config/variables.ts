import type { ConfigEnv } from "./config.ts";
import { looksSecret } from "../internal/issues.ts";
import { printable } from "./display.ts";

const NAME = "[A-Za-z_][A-Za-z0-9_]*";
/** Matches a string that is one reference and nothing else, which may stand for a number or a boolean. */
export const REFERENCE: RegExp = new RegExp(`^\\$\\{${NAME}(?::-[^{}]*)?\\}$`, "u");
const PARTS = new RegExp(`^(${NAME})(?::-(.*))?$`, "su");

const UNCLOSED = "has ${ without }: write ${NAME}, or $${ for a literal ${";
const NESTED = "has a reference inside the default of another, which is not supported";
const MALFORMED = "has ${…} that is not a reference: write ${NAME} or ${NAME:-default}, or $${ " +
  "for a literal ${";

/** A string with its variables expanded, or what is wrong with a reference. */
type Expanded =
  | { readonly text: string; readonly hasReference: boolean; readonly problem?: undefined }
  | { readonly problem: string };

/** Returns whether a string contains `${`. */
export function mayRefer(text: string): boolean {
  return text.includes("${");
}

/**
 * Expands `${NAME}` and `${NAME:-default}`, whose default applies if the variable is unset or empty. `$${`
 * is a literal `${`. In a `secret` field, a name in unusual spelling is not quoted, because it may be part
 * of a secret.
 */
export function expand(text: string, env: ConfigEnv, secret: boolean): Expanded {
  let problem: string | undefined;
  let hasReference = false;
  const expanded = text.replace(/\$\$\{|\$\{([^}]*)(\}?)/gu, (match, inner = "", end = "") => {
    if (match === "$${") return "${";
    hasReference = true;
    const value = end === "" ? { problem: UNCLOSED } : lookUp(inner, env, secret);
    if (typeof value === "string") return value;
    problem ??= value.problem;
    return "";
  });
  return problem === undefined ? { text: expanded, hasReference } : { problem };
}

function lookUp(inner: string, env: ConfigEnv, secret: boolean): string | { problem: string } {
  const [, name, fallback] = PARTS.exec(inner) ?? [];
  if (fallback?.includes("${")) return { problem: NESTED };
  if (name === undefined) return { problem: MALFORMED };
  const hidden = looksSecret(name) || (secret && !/^[A-Z_][A-Z0-9_]*$/.test(name));
  const shown = hidden ? "a variable" : `variable ${name}`;
  try {
    const value = valueOf(env, name);
    if (fallback !== undefined) return value || fallback;
    if (value !== undefined) return value;
  } catch (error) {
    const { message } = error instanceof Error ? error : { message: "" };
    return {
      problem: `needs ${shown}, which can't be read: ${printable(message.split("\n")[0]!)}`,
    };
  }
  return {
    problem: `needs ${shown}, which is not set: set it, or add a default, as in \${NAME:-default}`,
  };
}

function valueOf(env: ConfigEnv, name: string): string | undefined {
  if (typeof env !== "function" && !Object.hasOwn(env, name)) return undefined; // as for `constructor`
  const value = typeof env === "function" ? env(name) : env[name];
  return typeof value === "string" ? value : undefined;
}

import { printable, SECRET } from "./_report.ts";
import type { ConfigEnv } from "./config.ts";

const NAME = "[A-Za-z_][A-Za-z0-9_]*";
/** A text that is one reference and nothing else, with the only form that a number may come from. */
export const REFERENCE: RegExp = new RegExp(`^\\$\\{${NAME}(?::-[^{}]*)?\\}$`, "u");
/** `$${`, which stands for `${`, or a reference, closed or not. */
const ANY = /\$\$\{|\$\{([^}]*)(\}?)/gu;
const PARTS = new RegExp(`^(${NAME})(?::-(.*))?$`, "su");

/** A text with the variables put in, or what is wrong with a reference. */
export type Expanded =
  | { readonly text: string; readonly refers: boolean; readonly fault?: undefined }
  | { readonly fault: string };

/** Whether a text holds `${`. */
export function mayRefer(text: string): boolean {
  return text.includes("${");
}

/**
 * Puts variables in: `${NAME}`, or `${NAME:-default}` for one that is not set or empty. With `discreet` a
 * name that looks like no variable's is not repeated: it may be a part of a secret.
 */
export function expand(text: string, env: ConfigEnv, discreet: boolean): Expanded {
  let fault: string | undefined;
  let refers = false;
  const result = text.replace(ANY, (match: string, inner: string = "", end: string = "") => {
    if (match === "$${") return "${";
    refers = true;
    const [, name, otherwise] = PARTS.exec(inner) ?? [];
    if (end === "" || name === undefined || otherwise?.includes("${")) {
      fault ??= end === ""
        ? "holds ${ without its }: write ${NAME}, or $${ for the characters themselves"
        : otherwise?.includes("${")
        ? "holds a reference in the default of another, which is not read"
        : "holds ${…} that is no reference: write ${NAME}, ${NAME:-default}, or $${ for the characters " +
          "themselves";
      return "";
    }
    const hidden = SECRET.test(name) || (discreet && !/^[A-Z_][A-Z0-9_]*$/.test(name));
    const shown = hidden ? "a variable" : `variable ${name}`;
    try {
      const value = lookUp(env, name);
      if (otherwise !== undefined) return value || otherwise;
      if (value !== undefined) return value;
      fault ??=
        `needs ${shown}, which is not set: set it, or give a default, as in \${NAME:-default}`;
    } catch (error) {
      const { message } = error instanceof Error ? error : { message: "" };
      fault ??= `needs ${shown}, which can't be read: ${printable(message.split("\n", 1)[0]!)}`;
    }
    return "";
  });
  return fault === undefined ? { text: result, refers } : { fault };
}

function lookUp(env: ConfigEnv, name: string): string | undefined {
  // Own members only: `constructor` is no variable.
  const value = typeof env === "function"
    ? env(name)
    : Object.hasOwn(env, name)
    ? env[name]
    : undefined;
  return typeof value === "string" ? value : undefined;
}

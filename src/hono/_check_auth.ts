import { checkDefined, checkKnown, describePadding } from "../internal/options.ts";
import {
  checkFunctions,
  checkName,
  inspect,
  TOKEN_PATTERN,
  TOKEN_RULE,
} from "../internal/validate.ts";
import type { HooksAppAuth, Token } from "./options.ts";

const SCOPES: readonly unknown[] = ["emit", "read", "admin"];

/** Checks who may use the app. No message shows a token. */
export function checkAuth(subject: string, auth: HooksAppAuth): void {
  checkDefined(subject, auth, {
    tokens: "when something else says who may use the app",
    verifyToken: "when something else says who may use the app",
    auth: "when something else says who may use the app",
  });
  const given = ["tokens", "verifyToken", "auth"].filter((name) =>
    (auth as Readonly<Record<string, unknown>>)[name] !== undefined
  );
  if (given.length !== 1) {
    throw new TypeError(
      `${subject} as one of 'tokens', 'verifyToken' and 'auth: false' must say who may use it: ` +
        `current value is ${given.length === 0 ? "none" : given.join(", ")}`,
    );
  }
  if ("tokens" in auth && auth.tokens !== undefined) return checkTokens(subject, auth.tokens);
  if ("verifyToken" in auth && auth.verifyToken !== undefined) {
    return checkFunctions(subject, auth, ["verifyToken"]);
  }
  const { auth: open } = auth as { readonly auth?: unknown };
  if (open !== false) {
    throw new TypeError(
      `${subject} as 'auth' can only be false: current value is ${inspect(open)}`,
    );
  }
}

function checkTokens(subject: string, tokens: unknown): void {
  if (!Array.isArray(tokens) || tokens.length === 0) {
    throw new TypeError(`${subject} as 'tokens' must be a list of one token at least`);
  }
  const names = new Map<string, string>();
  for (const [index, token] of tokens.entries()) {
    checkToken(`${subject} with token ${index + 1}`, token);
    const other = names.get(token.token);
    if (other !== undefined) {
      throw new TypeError(`${subject} as '${token.name}' has the same token as '${other}'`);
    }
    names.set(token.token, token.name);
  }
}

function checkToken(subject: string, token: Token): void {
  checkKnown(subject, token, ["name", "token", "scopes", "expiresAt"], { scope: "scopes" });
  checkDefined(subject, token, { expiresAt: "for a token that never expires" });
  const { name, token: secret, scopes, expiresAt } = token;
  checkName(subject, name);
  if (typeof secret !== "string" || !TOKEN_PATTERN.test(secret)) {
    const hidden = typeof secret === "string"
      ? describePadding(secret) ?? "current value is text that is not shown"
      : `current value is ${typeof secret}`;
    throw new TypeError(`${subject} as 'token' of '${name}' must be ${TOKEN_RULE}: ${hidden}`);
  }
  if (!Array.isArray(scopes) || scopes.length === 0 || !scopes.every((it) => SCOPES.includes(it))) {
    throw new TypeError(`${subject} as 'scopes' of '${name}' must be of emit, read and admin`);
  }
  if (expiresAt === undefined) return;
  if (!(expiresAt instanceof Date) || Number.isNaN(expiresAt.getTime())) {
    throw new TypeError(
      `${subject} as 'expiresAt' of '${name}' must be a valid Date: current value is ` +
        inspect(expiresAt),
    );
  }
}

import { Problem, type ProblemCode, unavailable } from "./_problems.ts";
import { sha256 } from "./_sha256.ts";
import type { HooksAppAuth, Identity, Scope, Token, VerifyToken } from "./options.ts";

/** RFC 6750, section 2.1; the bound keeps a hash short. */
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i;
const MAX_TOKEN = 4096;

/** Tells who sent a request. @throws {Problem} when they may not use the app */
export type Authenticator = (request: Request) => Identity | Promise<Identity>;

/** An authenticator for whatever was chosen; undefined: everyone may do everything. */
export function createAuthenticator(auth: HooksAppAuth): Authenticator | undefined {
  if ("tokens" in auth && auth.tokens !== undefined) {
    const find = tokenFinder(auth.tokens);
    return (request) => checked(find(bearer(request)));
  }
  if ("verifyToken" in auth && auth.verifyToken !== undefined) {
    return (request) => verified(auth.verifyToken, request);
  }
  return undefined;
}

/** Refuses who lacks a scope. */
export function checkScope({ scopes }: Identity, scope: Scope): void {
  if (scopes.includes(scope) || scopes.includes("admin")) return;
  throw refusal("scope_missing", `error="insufficient_scope", scope="${scope}"`);
}

/**
 * Finds the owner of a token. Digests of one length are compared as a whole, and all of them, so the time
 * that it takes depends on the length of what was sent and on nothing that is secret.
 */
function tokenFinder(tokens: readonly Token[]): (token: string) => Identity | undefined {
  const known = tokens.map(({ token, name, scopes, expiresAt }) => ({
    digest: sha256(token),
    identity: { name, scopes: [...scopes], ...(expiresAt && { expiresAt: new Date(expiresAt) }) },
  }));
  return (token) => {
    const digest = sha256(token);
    let found: Identity | undefined;
    for (const one of known) {
      if (isSame(digest, one.digest)) found = one.identity;
    }
    return found;
  };
}

/** Compares without an early end. */
function isSame(a: Uint32Array, b: Uint32Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < b.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

function bearer(request: Request): string {
  const header = request.headers.get("authorization");
  if (header === null) throw refusal("token_missing");
  const token = header.length <= MAX_TOKEN ? BEARER.exec(header)?.[1] : undefined;
  if (token === undefined) throw refusal("token_invalid", 'error="invalid_token"');
  return token;
}

async function verified(verify: VerifyToken, request: Request): Promise<Identity> {
  const token = bearer(request);
  let identity: Identity | undefined;
  try {
    identity = await verify(token, request);
    if (identity !== undefined && !isIdentity(identity)) {
      throw new TypeError("Cannot use what 'verifyToken' gave as it needs a 'name' and 'scopes'");
    }
  } catch (cause) {
    throw unavailable("auth_unavailable", cause);
  }
  return checked(identity);
}

function isIdentity({ name, scopes, expiresAt }: Identity): boolean {
  return typeof name === "string" && Array.isArray(scopes) &&
    (expiresAt === undefined || expiresAt instanceof Date);
}

function checked(identity: Identity | undefined): Identity {
  if (identity === undefined) throw refusal("token_invalid", 'error="invalid_token"');
  if (isExpired(identity)) throw refusal("token_expired", 'error="invalid_token"');
  return identity;
}

/** Whether an identity is over. An invalid date has been over for ever. */
export function isExpired({ expiresAt }: Identity): boolean {
  return expiresAt !== undefined && !(Date.now() < expiresAt.getTime());
}

function refusal(code: ProblemCode, parameters?: string): Problem {
  const challenge = ['realm="hooks"', ...(parameters === undefined ? [] : [parameters])];
  return new Problem(code, { headers: { "www-authenticate": `Bearer ${challenge.join(", ")}` } });
}

import { Problem, type ProblemCode, unavailable } from "./_problems.ts";
import { sha256 } from "./_sha256.ts";
import type { HooksAppAuth, Identity, Scope, Token, VerifyToken } from "./options.ts";

/** RFC 6750, section 2.1; the bound keeps a hash short. */
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i;
const MAX_TOKEN = 4096;

/** Tells who sent a request. @throws {Problem} when they may not use the app */
export type Authenticator = (request: Request) => Identity | Promise<Identity>;

/**
 * Returns an authenticator for whatever was chosen; undefined: everyone may do everything. `origins` are
 * those of other sites whose pages may send requests that carry a cookie.
 */
export function createAuthenticator(
  auth: HooksAppAuth,
  origins: readonly string[],
): Authenticator | undefined {
  if ("tokens" in auth && auth.tokens !== undefined) {
    const find = tokenFinder(auth.tokens);
    return (request) => {
      const token = bearer(request);
      if (token === undefined) {
        throw request.headers.has("authorization") ? invalid() : missing();
      }
      return checked(find(token));
    };
  }
  if ("verifyToken" in auth && auth.verifyToken !== undefined) {
    return (request) => verified(auth.verifyToken, request, origins);
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

/** The bearer token; undefined without one. @throws {Problem} when it is malformed */
function bearer({ headers }: Request): string | undefined {
  const header = headers.get("authorization");
  if (header === null || !/^Bearer(?: |$)/i.test(header)) return undefined;
  const token = header.length <= MAX_TOKEN ? BEARER.exec(header)?.[1] : undefined;
  if (token === undefined) throw invalid();
  return token;
}

async function verified(
  verify: VerifyToken,
  request: Request,
  origins: readonly string[],
): Promise<Identity> {
  const token = bearer(request);
  if (token === undefined) checkOrigin(request, origins);
  let identity: Identity | undefined;
  try {
    identity = await verify(token, request);
    if (identity !== undefined && !isIdentity(identity)) {
      throw new TypeError("Cannot use what 'verifyToken' gave as it needs a 'name' and 'scopes'");
    }
  } catch (cause) {
    throw unavailable("auth_unavailable", cause);
  }
  if (identity === undefined && token === undefined) throw missing();
  return checked(identity);
}

/**
 * Rejects requests that a page on another site makes a browser send (CSRF). Browsers add cookies
 * automatically, but not bearer tokens, and they send the request's origin; other clients don't have
 * to.
 *
 * @throws {Problem} for a request that may change something
 */
function checkOrigin({ method, headers, url }: Request, origins: readonly string[]): void {
  if (method === "GET" || method === "HEAD") return;
  const origin = headers.get("origin");
  if (origin !== null && origins.includes(origin)) return;
  const site = headers.get("sec-fetch-site"); // absent on plain http, but for localhost
  const isOwn = site === null
    ? origin === null || hostOf(origin) === (headers.get("host") ?? new URL(url).host)
    : site === "same-origin" || site === "none";
  if (!isOwn) throw new Problem("origin_forbidden");
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined; // "null" is opaque
}

function isIdentity({ name, scopes, expiresAt }: Identity): boolean {
  return typeof name === "string" && Array.isArray(scopes) &&
    (expiresAt === undefined || expiresAt instanceof Date);
}

function checked(identity: Identity | undefined): Identity {
  if (identity === undefined) throw invalid();
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

function missing(): Problem {
  return refusal("token_missing");
}

function invalid(): Problem {
  return refusal("token_invalid", 'error="invalid_token"');
}

import { timingSafeEqual } from "../internal/crypto.ts";
import { checkDefined, checkKnown, describePadding } from "../internal/options.ts";
import {
  checkDate,
  checkFunctions,
  checkName,
  inspect,
  invalidOption,
  TOKEN_PATTERN,
  TOKEN_RULE,
} from "../internal/validate.ts";
import { MAX_AUTHORIZATION } from "./limits.ts";
import type { HooksAppAuth, Identity, Scope, Token, VerifyToken } from "./options.ts";
import { Problem, type ProblemCode } from "./problems.ts";

/** RFC 6750, section 2.1. */
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i;

const SCOPES: readonly unknown[] = ["emit", "decide", "read", "approve", "admin"];

/**
 * Returns a function that resolves a request to its identity, or throws a `Problem`; undefined if everyone
 * may do everything.
 *
 * @param origins Other origins whose pages may send state-changing requests with a cookie
 * @throws {TypeError} when the options are invalid; no message shows a token
 */
export function createAuthenticator(
  subject: string,
  auth: HooksAppAuth,
  origins: readonly string[],
): ((request: Request) => Identity | Promise<Identity>) | undefined {
  const { tokens, verifyToken } = readAuth(subject, auth);
  if (verifyToken) return (request) => verify(verifyToken, request, origins);
  if (tokens === undefined) return undefined;
  checkTokens(subject, tokens);
  const find = createTokenFinder(tokens);
  return (request) => {
    const token = readBearer(request);
    if (token !== undefined) return checkIdentity(find(token));
    throw request.headers.has("authorization") ? tokenInvalid() : tokenMissing();
  };
}

/** Returns a copy of the tokens that may use an app; undefined with another kind of authentication. */
export function tokensOf(auth: HooksAppAuth): readonly Token[] | undefined {
  return "tokens" in auth ? auth.tokens.map((token) => ({ ...token })) : undefined;
}

/** Returns whether an identity has one of some scopes. `admin` includes all. */
export function hasScope({ scopes }: Identity, sufficient: readonly Scope[]): boolean {
  return [...sufficient, "admin" as const].some((scope) => scopes.includes(scope));
}

/** Checks that an identity has one of some scopes. @throws {Problem} when it lacks it */
export function checkScope(identity: Identity, sufficient: readonly Scope[]): void {
  if (hasScope(identity, sufficient)) return;
  throw unauthorized("scope_missing", `error="insufficient_scope", scope="${sufficient[0]}"`);
}

/** Returns whether an identity has expired. An invalid date counts as expired. */
export function isExpired({ expiresAt }: Identity): boolean {
  return expiresAt !== undefined && !(Date.now() < expiresAt.getTime());
}

function readAuth(subject: string, options: HooksAppAuth): {
  readonly tokens?: readonly Token[];
  readonly verifyToken?: VerifyToken;
} {
  const meaning = "to choose another kind of authentication";
  checkDefined(subject, options, { tokens: meaning, verifyToken: meaning, auth: meaning });
  const given = ["tokens", "verifyToken", "auth"].filter((name) => name in options);
  if (given.length !== 1) {
    throw new TypeError(
      `${subject}: exactly one of 'tokens', 'verifyToken' and 'auth: false' is required, got ` +
        (given.join(" and ") || "none"),
    );
  }
  const auth = options as {
    readonly tokens?: readonly Token[];
    readonly verifyToken?: VerifyToken;
    readonly auth?: unknown;
  };
  checkFunctions(subject, auth, [], ["verifyToken"]);
  if ("auth" in auth && auth.auth !== false) {
    throw new TypeError(`${subject}: 'auth' can only be false, got ${inspect(auth.auth)}`);
  }
  return auth;
}

function checkTokens(subject: string, tokens: unknown): void {
  if (!Array.isArray(tokens) || tokens.length === 0) {
    throw invalidOption(subject, "tokens", tokens, "a list of at least one token");
  }
  const names = new Map<string, string>();
  for (const [index, token] of tokens.entries()) {
    checkToken(`${subject} with token ${index + 1}`, token);
    const other = names.get(token.token);
    if (other !== undefined) {
      throw new TypeError(`${subject}: '${token.name}' has the same token as '${other}'`);
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
      ? describePadding(secret) ?? "its value is not shown"
      : `got ${typeof secret}`;
    throw new TypeError(`${subject}: 'token' of '${name}' must be ${TOKEN_RULE}: ${hidden}`);
  }
  if (!Array.isArray(scopes) || scopes.length === 0 || !scopes.every((it) => SCOPES.includes(it))) {
    throw new TypeError(
      `${subject}: 'scopes' of '${name}' must be a list of "emit", "decide", "read", "approve" and "admin"`,
    );
  }
  if (expiresAt !== undefined) checkDate(subject, "expiresAt", expiresAt);
}

/**
 * Returns a function that finds the owner of a token. Compares with every token, and every byte of each,
 * so that the time taken depends on lengths only.
 */
function createTokenFinder(tokens: readonly Token[]): (token: string) => Identity | undefined {
  const encoder = new TextEncoder();
  const known = tokens.map(({ token, name, scopes, expiresAt }) => ({
    secret: encoder.encode(token),
    identity: { name, scopes: [...scopes], ...(expiresAt && { expiresAt: new Date(expiresAt) }) },
  }));
  return (token) => {
    const given = encoder.encode(token);
    let found: Identity | undefined;
    for (const { secret, identity } of known) {
      if (timingSafeEqual(secret, given)) found = identity;
    }
    return found;
  };
}

/** Returns the bearer token; undefined if there is none. @throws {Problem} when it is malformed */
function readBearer({ headers }: Request): string | undefined {
  const header = headers.get("authorization");
  if (header === null || !/^Bearer(?: |$)/i.test(header)) return undefined;
  const token = header.length <= MAX_AUTHORIZATION ? BEARER.exec(header)?.[1] : undefined;
  if (token === undefined) throw tokenInvalid();
  return token;
}

async function verify(
  verifyToken: VerifyToken,
  request: Request,
  origins: readonly string[],
): Promise<Identity> {
  const token = readBearer(request);
  if (token === undefined) checkOrigin(request, origins);
  let identity: Identity | undefined;
  try {
    identity = await verifyToken(token, request);
    if (identity !== undefined && !isIdentity(identity)) {
      throw new TypeError("Cannot verify token: 'verifyToken' must return { name, scopes }");
    }
  } catch (cause) {
    throw Problem.unavailable("auth_unavailable", cause);
  }
  if (identity === undefined && token === undefined) throw tokenMissing();
  return checkIdentity(identity);
}

/**
 * Rejects requests that a page on another origin makes a browser send (CSRF). Browsers add cookies
 * automatically, but not bearer tokens, and they send the page's origin; other clients don't have to.
 *
 * @throws {Problem} for a request that may change something
 */
export function checkOrigin({ method, headers, url }: Request, origins: readonly string[]): void {
  if (method === "GET" || method === "HEAD") return;
  const origin = headers.get("origin");
  if (origin !== null && origins.includes(origin)) return;
  const site = headers.get("sec-fetch-site"); // absent on plain http, except for localhost
  const isOwn = site === null
    ? origin === null || isOwnHost(hostOf(origin), headers, url)
    : site === "same-origin" || site === "none";
  if (!isOwn) throw new Problem("origin_forbidden");
}

/** Pages can't make a browser send `X-Forwarded-Host`, which proxies that replace `Host` do. */
function isOwnHost(host: string | undefined, headers: Headers, url: string): boolean {
  if (host === undefined) return false;
  return host === (headers.get("host") ?? new URL(url).host) ||
    host === headers.get("x-forwarded-host")?.split(",", 1).join("").trim();
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined; // "null" is opaque
}

function isIdentity({ name, scopes, expiresAt }: Identity): boolean {
  return typeof name === "string" && Array.isArray(scopes) &&
    (expiresAt === undefined || expiresAt instanceof Date);
}

function checkIdentity(identity: Identity | undefined): Identity {
  if (identity === undefined) throw tokenInvalid();
  if (isExpired(identity)) throw unauthorized("token_expired", 'error="invalid_token"');
  return identity;
}

function tokenMissing(): Problem {
  return unauthorized("token_missing");
}

function tokenInvalid(): Problem {
  return unauthorized("token_invalid", 'error="invalid_token"');
}

function unauthorized(code: ProblemCode, parameters?: string): Problem {
  const challenge = ['realm="hooks"', ...(parameters === undefined ? [] : [parameters])];
  return new Problem(code, { headers: { "www-authenticate": `Bearer ${challenge.join(", ")}` } });
}

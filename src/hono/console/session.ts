import { toHex } from "../../internal/bytes.ts";
import { hmacSha256Hex, timingSafeEqual } from "../../internal/crypto.ts";
import { hasScope, isExpired } from "../auth.ts";
import type { AppContext } from "../context.ts";
import { SESSION_LIFETIME } from "../limits.ts";
import type { Identity, Scope, Token } from "../options.ts";
import { Problem } from "../problems.ts";

/** Who uses the console. */
export type Session = {
  /** Who it is; expires with the session. */
  readonly identity: Identity;
  /** The value of the hidden field of every form, which only pages of this session contain. */
  readonly csrf: string;
  /** Whether a sign-in began it, so that it can be ended. */
  readonly isSignedIn: boolean;
  /** Signs notices, so that no link can make the console show one. */
  readonly noticeKey: string;
};

/** A token needs one of these scopes to sign in. */
const CONSOLE_SCOPES: readonly Scope[] = ["read", "approve", "admin"];

const COOKIE = "hooks_console";
/**
 * How many cookies of that name are tried: a site on the same domain can set some, which browsers send
 * first. This many take 8 KB, which is about where servers reject the headers.
 */
const MAX_COOKIES = 64;
/** What `signCookie` returns: its content (an expiry, the token's key id, and a nonce), and the HMAC. */
const FORM = /^(([0-9a-z]{1,11})\.([0-9a-f]{16})\.[0-9a-f]{32})\.([0-9a-f]{64})$/;
/** The size of a session's nonce, in bytes. */
const NONCE_SIZE = 16;
/** The size of the key id that says which token signed a cookie, in hex digits: other tokens are not tried. */
const KEY_ID_LENGTH = 16;

/**
 * Returns the session of a request; undefined if it needs to sign in.
 *
 * A session is stored nowhere: its cookie is its expiry, which token signed in, a nonce, and their HMAC,
 * keyed by that token. So every instance that knows the token knows the session, and it ends when the token
 * does. However many cookies and tokens there are, each cookie takes one HMAC at most.
 *
 * @throws {Problem} when `verifyToken` does
 */
export async function readSession(c: AppContext): Promise<Session | undefined> {
  const { tokens, authenticate } = c.get("hooksRequest").app;
  if (tokens === undefined) {
    return openSession(authenticate ? await identify(c) : c.get("hooksRequest").identity);
  }
  for (const cookie of cookiesOf(c.req.raw.headers)) {
    const session = await verifyCookie(cookie, await tokensById(tokens));
    if (session !== undefined) return session;
  }
  return undefined;
}

/**
 * Begins a session. Always a new one: a cookie that the request has is ignored.
 *
 * @throws {Problem} when the token is unknown, expired, or may see nothing
 */
export async function startSession(
  c: AppContext,
  secret: string,
): Promise<Session & { readonly cookie: string }> {
  const { tokens, authenticate } = c.get("hooksRequest").app;
  const isPossible = /^[\x21-\x7e]{1,512}$/.test(secret);
  const headers = { authorization: `Bearer ${isPossible ? secret : ""}` };
  const identity = await authenticate!(new Request("http://console/", { headers }));
  const token = tokens!.find((known) => known.token === secret);
  if (token === undefined) throw new Problem("token_invalid");
  if (!hasScope(identity, CONSOLE_SCOPES)) throw new Problem("scope_missing");
  const value = await signCookie(token, Date.now() + SESSION_LIFETIME, createNonce());
  const session = await verifyCookie(value, await tokensById(tokens!));
  if (session === undefined) throw new Problem("token_expired");
  return { ...session, cookie: setCookie(c.req.raw, value, SESSION_LIFETIME) };
}

/** Returns the `Set-Cookie` that ends a session in this browser. */
export function endSession(c: AppContext): string {
  return setCookie(c.req.raw, "", 0);
}

/** Returns who sent a request, by the app's own scheme. @throws {Problem} when it has no session */
async function identify(c: AppContext): Promise<Identity> {
  try {
    return await c.get("hooksRequest").app.authenticate!(c.req.raw);
  } catch (error) {
    const isUnknown = error instanceof Problem && error.code === "token_missing";
    throw isUnknown ? new Problem("token_invalid") : error; // the app has no sign-in of ours
  }
}

/** The key of notices to people who didn't sign in: other instances don't show those of this one. */
let noticeKey: string | undefined;

/**
 * Returns the session of someone who didn't sign in here. Its forms are protected like other requests of the
 * app: by the origin that browsers send.
 */
function openSession(identity: Identity): Session {
  return { identity, csrf: "", isSignedIn: false, noticeKey: noticeKey ??= createNonce() };
}

async function signCookie({ token }: Token, expiresAt: number, nonce: string): Promise<string> {
  const content = `${expiresAt.toString(36)}.${await keyIdOf(token)}.${nonce}`;
  return `${content}.${await sign(token, "session", content)}`;
}

/** Returns the session of a cookie; undefined if its token didn't sign it, or it has expired. */
async function verifyCookie(
  cookie: string,
  tokens: ReadonlyMap<string, Token>,
): Promise<Session | undefined> {
  const [, content = "", expiry = "", keyId = "", mac = ""] = FORM.exec(cookie) ?? [];
  const expiresAt = parseInt(expiry, 36);
  const known = tokens.get(keyId);
  if (known === undefined) return undefined;
  if (!(Date.now() < expiresAt && expiresAt <= Date.now() + SESSION_LIFETIME)) return undefined;
  const { token, name, scopes, expiresAt: tokenExpiry } = known;
  const expected = await sign(token, "session", content);
  if (!isSameSecret(expected, mac)) return undefined;
  const expires = new Date(Math.min(expiresAt, tokenExpiry?.getTime() ?? Infinity));
  const identity: Identity = { name, scopes, expiresAt: expires };
  if (isExpired(identity) || !hasScope(identity, CONSOLE_SCOPES)) return undefined;
  const csrf = await sign(token, "form", content);
  return { identity, csrf, isSignedIn: true, noticeKey: csrf };
}

/** The tokens of apps by key id, as each id takes an HMAC. */
const knownTokens: WeakMap<readonly Token[], Promise<ReadonlyMap<string, Token>>> =
  /* @__PURE__ */ new WeakMap();

function tokensById(tokens: readonly Token[]): Promise<ReadonlyMap<string, Token>> {
  let known = knownTokens.get(tokens);
  if (known === undefined) {
    const entries = tokens.map(async (token) => [await keyIdOf(token.token), token] as const);
    known = Promise.all(entries).then((all) => new Map(all));
    knownTokens.set(tokens, known);
  }
  return known;
}

/** Returns the id of a token in cookies, from which the token can't be guessed. */
async function keyIdOf(token: string): Promise<string> {
  return (await sign(token, "key", "")).slice(0, KEY_ID_LENGTH);
}

/** Signs a text for one use, so that its signature isn't valid for another. */
async function sign(
  token: string,
  use: "session" | "form" | "key",
  content: string,
): Promise<string> {
  return await hmacSha256Hex(new TextEncoder().encode(token), `hooks console ${use}\n${content}`);
}

/** Compares texts in a time that doesn't depend on where they differ. */
export function isSameSecret(expected: string, given: string): boolean {
  const encoder = new TextEncoder();
  return timingSafeEqual(encoder.encode(expected), encoder.encode(given));
}

function createNonce(): string {
  return toHex(crypto.getRandomValues(new Uint8Array(NONCE_SIZE)));
}

function cookiesOf(headers: Headers): readonly string[] {
  const pairs = (headers.get("cookie") ?? "").split(/; */);
  const prefix = `${COOKIE}=`;
  return pairs.filter((pair) => pair.startsWith(prefix)).map((pair) => pair.slice(prefix.length))
    .filter((cookie) => FORM.test(cookie)).slice(0, MAX_COOKIES);
}

/**
 * Returns a `Set-Cookie`. It has no `Path`: browsers then take the folder of the page that sets it (RFC
 * 6265, section 5.1.4), which is that of the console. Behind a proxy that strips a prefix, only the browser
 * knows it.
 */
function setCookie(request: Request, value: string, lifetime: number): string {
  const secure = isHttps(request) ? "; Secure" : "";
  return `${COOKIE}=${value}; Max-Age=${lifetime / 1000}; HttpOnly; SameSite=Strict${secure}`;
}

/**
 * Returns whether the browser connects over TLS. It names its own scheme in `Origin` when it sends a form, so
 * that a proxy that ends TLS needs no configuration.
 */
function isHttps({ headers, url }: Request): boolean {
  const proxied = headers.get("x-forwarded-proto")?.split(",", 1).join("").trim();
  return /^https:/.test(headers.get("origin") ?? "") || proxied === "https" ||
    url.startsWith("https:");
}

/**
 * What a browser does with the console.
 * @module
 */
import assert from "node:assert/strict";
import { type Setup, TOKENS } from "./helpers.ts";

/** Sends a form of the console. */
export async function submit(
  { send }: Pick<Setup, "send">,
  path: string,
  fields: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return await send(`/console/${path}`, {
    token: null,
    method: "POST",
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      origin: "http://hooks.test",
      ...headers,
    },
    body: new URLSearchParams(fields).toString(),
  });
}

/** Signs in. Resolves to the cookie of the session. */
export async function signIn(
  setup: Pick<Setup, "send">,
  token: keyof typeof TOKENS,
): Promise<string> {
  const response = await submit(setup, "sign-in", { token: TOKENS[token] });
  assert.equal(response.status, 303);
  return cookieOf(response);
}

/** Opens a page. Resolves to its HTML. */
export async function openPage(
  { send }: Pick<Setup, "send">,
  path: string,
  cookie: string,
): Promise<string> {
  const response = await send(`/console/${path}`, { token: null, headers: { cookie } });
  assert.equal(response.status, 200, path);
  return await response.text();
}

/** Returns the cookie that a response sets, as requests send it. */
export function cookieOf(response: Response): string {
  const cookie = response.headers.get("set-cookie")?.split(";")[0];
  if (cookie === undefined) throw new Error(`No cookie: ${response.status}`);
  return cookie;
}

/** Returns the CSRF token of a page. */
export function csrfOf(html: string): string {
  const [, token] = /name="csrf" value="([0-9a-f]{64})"/.exec(html) ?? [];
  if (token === undefined) throw new Error(`No CSRF token: ${html}`);
  return token;
}

import type { Command } from "commander";
import { describePadding } from "../internal/options.ts";
import { maskUrl } from "../internal/mask_url.ts";
import { readBytes, type ReadLimits } from "../internal/bytes.ts";
import { answerError } from "./answer_error.ts";
import { CommandError } from "./command_error.ts";
import type { CommandIO } from "./io.ts";
import { findUrlProblem } from "../webhook/request_rules.ts";
import { isLoopback } from "./listening.ts";

/** Where `hooks serve` listens unless told otherwise. */
export const DEFAULT_URL = "http://127.0.0.1:8787";

/**
 * The limits for reading a response: a page of 1,000 events of 256 KiB each, for as long as data keeps
 * arriving.
 */
const LIMITS: ReadLimits = { maxBytes: 300 * 1024 * 1024, timeout: 30_000, idle: true };

/** The options of every command that talks to a server. */
export type ServerOptions = {
  readonly url?: string;
  readonly token?: string;
};

/** A request to a server of hooks. */
export type Call = {
  /** `POST` when there is a body, else `GET`. */
  readonly method?: string;
  /** Parameters of the query; absent ones are left out. */
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** What is sent as JSON. */
  readonly body?: unknown;
  /** Further headers; absent ones are left out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Ends it. */
  readonly signal?: AbortSignal;
};

/** Talks to a server of hooks. */
export type Client = {
  /** Where it is, for messages. */
  readonly url: string;
  /** The answer, if it is a success. @throws {CommandError} in the user's words otherwise */
  fetch(path: string, call?: Call): Promise<Response>;
  /** The JSON of the answer. @throws {CommandError} in the user's words */
  json<Value>(path: string, call?: Call): Promise<Value>;
};

/** Adds the options by which a command finds its server. */
export function addServerOptions(command: Command): Command {
  return command
    .option("-u, --url <url>", `the server [HOOKS_URL] (default: ${DEFAULT_URL})`)
    .option("-t, --token <token>", "what it lets in [HOOKS_TOKEN]");
}

/** The path of something by its names. @throws {CommandError} for one that no path can hold */
export function pathOf(...names: readonly string[]): string {
  for (const name of names) {
    // A URL takes `.` and `..` out of a path, encoded or not.
    if (!/^\.{0,2}$/.test(name)) continue;
    throw new CommandError(`Cannot ask for '${name}' as no URL can name it`, [
      "A target is named as `hooks targets` lists it, an event by its id",
    ], 2);
  }
  return names.map((name) => `/${encodeURIComponent(name)}`).join("");
}

/** A client for the server that options or environment name. */
export function createClient(io: CommandIO, options: ServerOptions): Client {
  const base = readUrl(options.url ?? (io.env("HOOKS_URL") || DEFAULT_URL));
  const token = options.token ?? (io.env("HOOKS_TOKEN") || undefined);
  checkToken(io, token, base);
  const root = base.href.replace(/\/$/, "");
  const url = maskUrl(root);

  const send = async (path: string, call: Call = {}): Promise<Response> => {
    const { target, init } = requestFor(`${root}${path}`, call, token);
    const response = await io.fetch(target, init).catch((error) => {
      throw call.signal?.aborted ? error : new CommandError(
        `Cannot reach ${url}: ${reasonOf(error)}`,
        ["Is it running? `hooks serve` starts one; --url or HOOKS_URL says where it is"],
      );
    });
    if (response.ok) return response;
    throw await answerError(response, url, token !== undefined);
  };

  return {
    url,
    fetch: send,
    json: async (path, call) => await readJson(await send(path, call), url),
  };
}

function checkToken(io: CommandIO, token: string | undefined, base: URL): void {
  if (token === undefined) return;
  if (!/^[\x21-\x7e]+$/.test(token) || /^["'`]/.test(token)) {
    const padding = describePadding(token) ?? "it has characters that a header can't carry";
    throw new CommandError(`Cannot use the token as ${padding}`, [
      "Copy it again from where it was printed",
    ], 2);
  }
  if (base.protocol === "http:" && !isLoopback(base.hostname)) {
    io.stderr.write("warning: the token goes over plain http, and anyone on the way can read it\n");
  }
}

function requestFor(
  place: string,
  call: Call,
  token: string | undefined,
): { readonly target: string; readonly init: RequestInit } {
  const { query = {}, body, signal, method = body === undefined ? "GET" : "POST" } = call;
  const target = new URL(place);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) target.searchParams.set(name, String(value));
  }
  const headers = new Headers({ accept: "application/json" });
  if (body !== undefined) headers.set("content-type", "application/json");
  if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
  for (const [name, value] of Object.entries(call.headers ?? {})) {
    if (value !== undefined) setHeader(headers, name, value);
  }
  const init: RequestInit = {
    method,
    headers,
    redirect: "manual", // a token goes where the user said, and nowhere else
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
  };
  return { target: target.href, init };
}

function setHeader(headers: Headers, name: string, value: string): void {
  try {
    headers.set(name, value);
  } catch {
    throw new CommandError(
      `Cannot use the value for ${name} as it has characters that a header can't carry`,
      [],
      2,
    );
  }
}

/** The JSON of an answer. @throws {CommandError} when it is none */
export async function readJson<Value>(response: Response, url: string): Promise<Value> {
  const bytes = await readBytes(response.body, LIMITS).catch(() => "cut_off" as const);
  if (typeof bytes === "string") {
    const why = {
      too_large: "it is too large",
      too_slow: "it stopped halfway",
      cut_off: `it breaks off after status ${response.status}`,
    };
    const advice = response.status === 202
      ? "The events were accepted: send them again only with the same --idempotency-key"
      : "Try again";
    throw new CommandError(`Cannot read the response of ${url}: ${why[bytes]}`, [advice]);
  }
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Value;
  } catch {
    throw new CommandError(`The response of ${url} is not JSON`, [
      "Check that --url or HOOKS_URL is the address of a hooks server",
    ]);
  }
}

function readUrl(text: string): URL {
  const url = URL.canParse(text) && text.trim() === text ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    const padding = describePadding(text);
    if (padding !== undefined) {
      throw new CommandError(`Cannot use the URL of --url or HOOKS_URL as ${padding}`, [], 2);
    }
    throw new CommandError(
      `Cannot use the URL as it must start with http:// or https://: current value is ${
        maskUrl(text)
      }`,
      [`It looks like ${DEFAULT_URL}, and comes from --url or HOOKS_URL`],
      2,
    );
  }
  const problem = findUrlProblem(url);
  if (problem !== undefined) throw new CommandError(`Cannot use the URL: it ${problem}`, [], 2);
  if (url.username || url.password || url.search || url.hash) {
    throw new CommandError("Cannot use the URL as it must have no user, no ? and no #", [], 2);
  }
  return url;
}

/** Why a request got no answer, in the shortest words that a runtime has for it. */
function reasonOf(error: unknown): string {
  const causes: string[] = [];
  for (let at = error; at instanceof Error && causes.length < 5; at = at.cause) {
    const { code } = at as { readonly code?: unknown };
    causes.push(`${typeof code === "string" ? code : ""} ${at.message}`);
  }
  const text = causes.join(" ");
  if (/ECONNREFUSED|ConnectionRefused|refused/i.test(text)) return "nothing listens there";
  if (/ENOTFOUND|EAI_AGAIN|dns error|lookup|getaddrinfo/i.test(text)) {
    return "no such host is known";
  }
  if (/certificate|CERT_|SELF_SIGNED/i.test(text)) return "its certificate is not trusted";
  return error instanceof Error ? causes.at(-1)!.trim() : String(error);
}

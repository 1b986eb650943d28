import type { Command } from "commander";
import { readBytes, type ReadLimits } from "../internal/bytes.ts";
import { maskUrl } from "../internal/mask_url.ts";
import { describePadding } from "../internal/options.ts";
import { findUrlIssue } from "../webhook/request_rules.ts";
import { CommandError, responseError } from "./errors.ts";
import { isLoopback } from "./http_server.ts";
import type { CommandIO } from "./io.ts";

/** The address of `hooks serve` by default. */
const DEFAULT_URL = "http://127.0.0.1:8787";

/**
 * Limits for reading a response: a page of 1,000 events of 256 KiB each, for as long as data keeps
 * arriving.
 */
const LIMITS: ReadLimits = { maxBytes: 300 * 1024 * 1024, timeout: 30_000, idle: true };

/** The options of every command that talks to a server. */
export type ServerOptions = {
  readonly url?: string;
  readonly token?: string;
};

/** The options of every command that prints data of a server. */
export type OutputOptions = ServerOptions & {
  readonly full?: true;
  readonly json?: true;
};

/** Options of a request to a hooks server. */
type RequestOptions = {
  /** @default `POST` with a body, `GET` without */
  readonly method?: string;
  /** Query parameters; undefined ones are left out. */
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** JSON text to send, instead of `body`. */
  readonly text?: string;
  /** Additional headers; undefined ones are left out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Aborts the request. */
  readonly signal?: AbortSignal;
};

/** A client of a hooks server. */
export type Client = {
  /** The address of the server without secrets, for messages. */
  readonly url: string;
  /** Returns a successful response. @throws {CommandError} otherwise */
  fetch(path: string, options?: RequestOptions): Promise<Response>;
  /** Returns the JSON of a successful response. @throws {CommandError} otherwise */
  json<Value>(path: string, options?: RequestOptions): Promise<Value>;
};

/** Dependencies of a command that talks to a server. */
export type ServerContext<Options> = {
  readonly client: Client;
  readonly options: Options;
  readonly io: CommandIO;
};

/** Adds the options that select a server. */
export function addServerOptions(command: Command): Command {
  return command
    .option("-u, --url <url>", `server URL [HOOKS_URL] (default: ${DEFAULT_URL})`)
    .option("-t, --token <token>", "bearer token [HOOKS_TOKEN]");
}

/** Adds the options that select a server and the output. `json` describes `--json`. */
export function addOutputOptions(command: Command, json: string): Command {
  command.option("--full", "don't shorten lines to the terminal's width").option("--json", json);
  return addServerOptions(command);
}

/** Returns the path of a resource. @throws {CommandError} for names that no path can contain */
export function pathOf(...names: readonly string[]): string {
  for (const name of names) {
    // URL parsers remove `.` and `..` from paths, encoded or not.
    if (!/^\.{0,2}$/.test(name)) continue;
    throw new CommandError(`Cannot look up '${name}': a URL can't contain this name`, [
      "Pass a target as `hooks targets` lists it, and an event by its id",
    ], 2);
  }
  return names.map((name) => `/${encodeURIComponent(name)}`).join("");
}

/** Creates the context of a command, with a client for the server that it selects. */
export function connect<Options extends ServerOptions>(
  options: Options,
  io: CommandIO,
): ServerContext<Options> {
  return { client: createClient(io, options), options, io };
}

/** Creates a client for the server that options or environment select. */
function createClient(io: CommandIO, options: ServerOptions): Client {
  const base = readUrl(options.url ?? (io.env("HOOKS_URL") || DEFAULT_URL));
  const token = options.token ?? (io.env("HOOKS_TOKEN") || undefined);
  checkToken(io, token, base);
  const root = base.href.replace(/\/$/, "");
  const url = maskUrl(root);

  const send = async (path: string, options: RequestOptions = {}): Promise<Response> => {
    const { target, init } = requestFor(`${root}${path}`, options, token);
    const response = await io.fetch(target, init).catch((error) => {
      throw options.signal?.aborted ? error : new CommandError(
        `Cannot reach ${url}: ${connectionError(error)}`,
        ["Start a server with `hooks serve`, or set --url or HOOKS_URL to its address"],
      );
    });
    if (response.ok) return response;
    throw await responseError(response, url, token !== undefined);
  };

  return {
    url,
    fetch: send,
    json: async (path, options) => await readJson(await send(path, options), url),
  };
}

/** The most items that a server returns at once. */
const MAX_PAGE = 1000;

/** A page of a list, and where the list continues. */
type Page<Item> = { readonly items: readonly Item[]; readonly cursor: string | undefined };

/** Fetches the pages of the list `/name`, up to a number of items. */
export async function* fetchPages<Item>(
  client: Client,
  name: string,
  query: NonNullable<RequestOptions["query"]> & { readonly cursor?: string | undefined },
  max = Infinity,
): AsyncGenerator<Page<Item>, void> {
  let remaining = max;
  let { cursor } = query;
  do {
    const position = { limit: Math.min(remaining, MAX_PAGE), cursor };
    const page: Readonly<Record<string, unknown>> = await client.json(`/${name}`, {
      query: { ...query, ...position },
    });
    const items = page[name] as readonly Item[];
    cursor = page.next_cursor as string | undefined;
    yield { items, cursor };
    remaining -= items.length;
  } while (cursor !== undefined && remaining > 0);
}

/** Fetches the list `/name`, up to a number of items. */
export async function fetchList<Item>(
  ...args: Parameters<typeof fetchPages>
): Promise<Page<Item>> {
  const items: Item[] = [];
  let cursor: string | undefined;
  for await (const page of fetchPages<Item>(...args)) {
    items.push(...page.items);
    ({ cursor } = page);
  }
  return { items, cursor };
}

function readUrl(text: string): URL {
  const url = URL.canParse(text) && text.trim() === text ? new URL(text) : undefined;
  const fail = (reason: string, details: readonly string[] = []): never => {
    throw new CommandError(`Cannot use the server URL: ${reason}`, details, 2);
  };
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    return fail(
      describePadding(text) ?? `it must start with http:// or https://, got ${maskUrl(text)}`,
      [`Set --url or HOOKS_URL to a URL such as ${DEFAULT_URL}`],
    );
  }
  const problem = findUrlIssue(url);
  if (problem !== undefined) return fail(`it ${problem}`);
  if (url.username || url.password || url.search || url.hash) {
    return fail("it must not contain a user name, a query or a fragment");
  }
  return url;
}

function checkToken(io: CommandIO, token: string | undefined, base: URL): void {
  if (token === undefined) return;
  if (!/^[\x21-\x7e]+$/.test(token) || /^["'`]/.test(token)) {
    const reason = describePadding(token) ?? "it contains characters that a header can't carry";
    throw new CommandError(`Cannot use the token: ${reason}`, ["Copy it again"], 2);
  }
  if (base.protocol === "http:" && !isLoopback(base.hostname)) {
    io.stderr.write("warning: the token is sent over plain HTTP and can be read on the way\n");
  }
}

function requestFor(
  url: string,
  options: RequestOptions,
  token: string | undefined,
): { readonly target: string; readonly init: RequestInit } {
  const { query = {}, signal } = options;
  const body = options.text ??
    (options.body === undefined ? undefined : JSON.stringify(options.body));
  const { method = body === undefined ? "GET" : "POST" } = options;
  const target = new URL(url);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) target.searchParams.set(name, String(value));
  }
  const headers = new Headers({ accept: "application/json" });
  if (body !== undefined) headers.set("content-type", "application/json");
  if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (value !== undefined) setHeader(headers, name, value);
  }
  const init: RequestInit = {
    method,
    headers,
    redirect: "manual", // never send the token elsewhere
    ...(body === undefined ? {} : { body }),
    ...(signal ? { signal } : {}),
  };
  return { target: target.href, init };
}

function setHeader(headers: Headers, name: string, value: string): void {
  try {
    headers.set(name, value);
  } catch {
    const reason = "it contains characters that a header can't carry";
    throw new CommandError(`Cannot send the header ${name}: ${reason}`, [], 2);
  }
}

/** Returns the JSON of a response. @throws {CommandError} when it can't be read or isn't JSON */
export async function readJson<Value>(response: Response, url: string): Promise<Value> {
  const bytes = await readBytes(response.body, LIMITS).catch(() => "cut_off" as const);
  if (typeof bytes === "string") {
    const reason = {
      too_large: "it is too large",
      too_slow: "it stopped halfway",
      cut_off: `the connection was closed after status ${response.status}`,
    }[bytes];
    const advice = response.status === 202
      ? "The events were accepted: send them again only with the same --idempotency-key"
      : "Try again";
    throw new CommandError(`Cannot read the response of ${url}: ${reason}`, [advice]);
  }
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Value;
  } catch {
    throw new CommandError(`The response of ${url} is not JSON`, [
      "Set --url or HOOKS_URL to the address of a hooks server",
    ]);
  }
}

/** Returns why a request got no response, in few words on every runtime. */
function connectionError(error: unknown): string {
  const causes: string[] = [];
  for (let at = error; at instanceof Error && causes.length < 5; at = at.cause) {
    const { code } = at as { readonly code?: unknown };
    causes.push(`${typeof code === "string" ? code : ""} ${at.message}`);
  }
  const text = causes.join(" ");
  if (/ECONNREFUSED|ConnectionRefused|refused/i.test(text)) return "connection refused";
  if (/ENOTFOUND|EAI_AGAIN|dns error|lookup|getaddrinfo/i.test(text)) return "unknown host";
  if (/certificate|CERT_|SELF_SIGNED/i.test(text)) return "its certificate is not trusted";
  return error instanceof Error ? causes.at(-1)!.trim() : String(error);
}

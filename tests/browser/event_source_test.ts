/**
 * The documented clients of the event stream in a real Chromium: `EventSource` with a cookie, `fetch` with a
 * bearer token, both also from a page of another origin.
 * @module
 */
import { createHooks, type Hooks } from "@omniagent/hooks";
import { createHooksApp } from "@omniagent/hooks/hono";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { Hono } from "hono";
import { cors } from "hono/cors";
import assert from "node:assert/strict";
import { chromium, type Page } from "playwright-core";
import { exists } from "../../tools/run.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

const CHROMIUM = "/usr/bin/chromium";
const TOKEN = "a-token-of-this-test";
const COOKIE = "session=a-session-of-this-test";

type Setup = {
  readonly hooks: Hooks;
  readonly page: Page;
  /** The origin of the app, and another one, whose pages may read it. */
  readonly own: string;
  readonly other: string;
  /** `"POST /outbox/drain 403"` for each request. */
  readonly requests: readonly string[];
  /** Closes the streams that are open, as a proxy does. */
  cut(): void;
};

if (!await exists(CHROMIUM)) {
  console.log(`event streams in a browser: skipped, because ${CHROMIUM} is not installed`);
} else {
  test("in Chromium an EventSource with a cookie receives events, and misses none after a disconnect", () =>
    withPage(async ({ hooks, page, own, cut, requests }) => {
      await page.goto(`${own}/login`);
      await listen(page, `${own}/hooks/events/stream`);
      await hooks.emit("tool.called", { name: "one" });
      await received(page, ["one"]);
      cut();
      await hooks.emit("tool.called", { name: "two" });
      await received(page, ["one", "two"]);
      assert.ok(requests.includes("GET /events/stream 200"));
    }));

  test("in Chromium an EventSource without the cookie is rejected", () =>
    withPage(async ({ page, own, requests }) => {
      await page.goto(`${own}/`);
      await page.evaluate(
        (url) => new Promise((resolve) => new EventSource(url).onerror = resolve).then(() => {}),
        `${own}/hooks/events/stream`,
      );
      assert.deepEqual(requests, ["GET /events/stream 401"]);
    }));

  test("in Chromium fetch with a bearer token receives events", () =>
    withPage(async ({ hooks, page, own }) => {
      await page.goto(`${own}/`);
      const text = page.evaluate(async ([url, token]) => {
        const response = await fetch(url!, { headers: { authorization: `Bearer ${token}` } });
        let text = "";
        for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
          text += part;
          (globalThis as { text?: string }).text = text;
          if (text.includes("data:")) return text;
        }
        return text;
      }, [`${own}/hooks/events/stream`, TOKEN]);
      await page.waitForFunction(() => (globalThis as { text?: string }).text !== undefined);
      await hooks.emit("tool.called", { name: "one" });
      assert.match(await text, /^data: .*"one"/m);
    }));

  test("in Chromium a page of an allowed origin receives events, with hono's cors in front of the app", () =>
    withPage(async ({ hooks, page, own, other }) => {
      await page.goto(`${own}/login`);
      await page.goto(`${other}/`);
      await listen(page, `${own}/hooks/events/stream`, true);
      await hooks.emit("tool.called", { name: "one" });
      await received(page, ["one"]);
    }));

  test("in Chromium a page of another origin can't use the cookie to change anything", () =>
    withPage(async ({ page, own, other, requests }) => {
      await page.goto(`${own}/login`);
      const drain = (url: string) =>
        page.evaluate(
          (url) =>
            fetch(url, { method: "POST", mode: "no-cors", credentials: "include" }).then(() => {}),
          url,
        );
      await drain(`${own}/hooks/outbox/drain`);
      await page.goto(`${other}/`);
      await drain(`${own}/hooks/outbox/drain`);
      assert.deepEqual(requests, ["POST /outbox/drain 200", "POST /outbox/drain 403"]);
    }));
}

/** Collects the names of the tools that are called. */
async function listen(page: Page, url: string, withCredentials = false): Promise<void> {
  await page.evaluate(([url, withCredentials]) => {
    const names: string[] = [];
    Object.assign(globalThis, { names });
    const source = new EventSource(url as string, { withCredentials: withCredentials as boolean });
    source.onmessage = ({ data }) => names.push(JSON.parse(data).data.name);
    return new Promise<void>((resolve) => source.onopen = () => resolve());
  }, [url, withCredentials]);
}

async function received(page: Page, names: readonly string[]): Promise<void> {
  await page.waitForFunction(
    (names) => JSON.stringify((globalThis as { names?: unknown }).names) === names,
    JSON.stringify(names),
  );
}

async function withPage(use: (setup: Setup) => Promise<void>): Promise<void> {
  const hooks = createHooks({
    logger: silentLogger,
    outbox: createOutbox(memoryStore(), { logger: silentLogger }),
  });
  const requests: string[] = [];
  const logger = {
    ...silentLogger,
    info: (_: unknown, about?: unknown) => {
      const { method, path, status } = about as Record<string, unknown>;
      requests.push(`${method} ${path} ${status}`);
    },
  };
  const hooksApp = createHooksApp(hooks, {
    verifyToken: (token, request) => {
      const isKnown = token === TOKEN || request.headers.get("cookie") === COOKIE;
      return isKnown ? { name: "browser", scopes: ["admin"] } : undefined;
    },
    logger,
  });
  let streams = new AbortController();
  const page = (text: string) => `<!doctype html><title>${text}</title>`;
  const otherServer = serve(new Hono().get("/", (c) => c.html(page("other"))).fetch);
  const other = `http://127.0.0.1:${otherServer.addr.port}`;
  const app = new Hono()
    .get("/", (c) => c.html(page("own")))
    .get(
      "/login",
      (c) => c.html(page("in"), 200, { "set-cookie": `${COOKIE}; HttpOnly; SameSite=Lax` }),
    )
    .use("/hooks/*", cors({ origin: other, credentials: true }))
    .route("/hooks", hooksApp);
  const server = serve(async (request) => {
    const response = await app.fetch(request);
    if (response.headers.get("content-type") !== "text/event-stream") return response;
    const { signal } = streams;
    return new Response(response.body!.pipeThrough(new TransformStream(), { signal }), response);
  });
  const cut = (): void => {
    streams.abort();
    streams = new AbortController();
  };
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-background-networking"],
  });
  try {
    const own = `http://127.0.0.1:${server.addr.port}`;
    const page = await browser.newPage();
    await use({ hooks, page, own, other, requests, cut });
  } finally {
    await browser.close();
    cut();
    await hooks.close();
    await Promise.all([server.shutdown(), otherServer.shutdown()]);
  }
}

function serve(fetch: (request: Request) => Response | Promise<Response>) {
  return Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: () => {},
    onError: () => new Response(null, { status: 500 }),
  }, (request) => fetch(request));
}

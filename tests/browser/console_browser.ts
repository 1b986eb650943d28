/**
 * A console in a real Chromium, whose pages are watched: what violates the Content-Security-Policy, what is
 * requested elsewhere, and what axe finds.
 * @module
 */
import axe from "axe-core";
import assert from "node:assert/strict";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import {
  CONSOLE_TOKENS,
  type ConsoleFixture,
  createConsoleFixture,
} from "../support/console_fixture.ts";

/** Debian's. */
export const CHROMIUM = "/usr/bin/chromium";

/** How long something on a page may take, in milliseconds: the machine may be busy. */
const LIMIT = 60_000;

/** A page that is signed in. */
type ConsolePage = {
  readonly fixture: ConsoleFixture;
  readonly page: Page;
  /** The URL of the console, with a slash at its end. */
  readonly url: string;
  /** Opens a page of the console. */
  open(path: string): Promise<void>;
  /** Returns a text that the page shows, once it does. */
  shows(text: string | RegExp): Promise<void>;
};

/** Options of `withConsole`. */
type ConsoleOptions = Parameters<typeof createConsoleFixture>[0] & {
  readonly token?: keyof typeof CONSOLE_TOKENS;
  readonly context?: BrowserContextOptions;
};

/** Runs with a console in a browser. Fails if a page violates its policy, or requests anything elsewhere. */
export async function withConsole(
  options: ConsoleOptions,
  use: (console: ConsolePage) => Promise<void>,
): Promise<void> {
  const { base = "", token = "admin", context = {} } = options;
  const fixture = await createConsoleFixture(options);
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => fixture.app.fetch(request),
  );
  const origin = `http://127.0.0.1:${server.addr.port}`;
  const url = `${origin}${base}/console/`;
  const problems: string[] = [];
  let browser: Browser | undefined;
  try {
    browser = await launch();
    const page = await (await browser.newContext(context)).newPage();
    page.setDefaultTimeout(LIMIT);
    page.on("pageerror", (error) => problems.push(`error on ${page.url()}: ${error.message}`));
    page.on("console", (message) => {
      const text = message.text();
      if (/Content.Security.Policy|Refused to/i.test(text)) problems.push(text);
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(origin)) problems.push(`request to ${request.url()}`);
    });
    await page.goto(url);
    await page.fill("input[name=token]", CONSOLE_TOKENS[token]);
    await page.click("main button[type=submit]");
    await page.waitForURL(({ pathname }) => !pathname.endsWith("/sign-in"));
    await use({
      fixture,
      page,
      url,
      open: async (path) => void await page.goto(url + path),
      shows: (text) => page.getByText(text).first().waitFor(),
    });
    assert.deepEqual(problems, []);
  } finally {
    await browser?.close();
    await fixture.close();
    await server.shutdown();
  }
}

/** Starts Chromium. */
function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-background-networking"],
    timeout: LIMIT,
  });
}

/**
 * Checks the accessibility of a page with axe, which is evaluated by the debugger and not loaded: the page's
 * policy allows no script of others.
 */
export async function checkAccessibility(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  const violations = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { readonly axe: typeof import("axe-core") };
    const { violations } = await axe.run();
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  });
  assert.deepEqual(violations, [], page.url());
}

/** Checks that a page doesn't scroll sideways. */
export async function checkWidth(page: Page): Promise<void> {
  const root = "document.documentElement";
  const [content, window] = await page.evaluate<number[]>(
    `[${root}.scrollWidth, ${root}.clientWidth]`,
  );
  assert.ok(content! <= window!, `${page.url()} is ${content} px wide in ${window} px`);
}

/**
 * Takes the screenshots of docs/console.md: starts a server with data, signs in with Chromium, and writes
 * docs/console-*.png. They show the time of the run, so they differ each time: take them again when the
 * pages change.
 *
 * `deno task screenshots` writes the files.
 * @module
 */
import { chromium } from "playwright-core";
import { CONSOLE_TOKENS, createConsoleFixture } from "../support/console_fixture.ts";
import { checkArguments, root } from "../../tools/run.ts";

/** Debian's. */
const CHROMIUM = "/usr/bin/chromium";

/** The size of a screenshot, in pixels. */
const VIEWPORT = { width: 1200, height: 720 };

/** The dead letters of the data. */
const LETTERS = 24;

checkArguments("usage: deno task screenshots", Deno.args.length === 0);
await using cleanup = new AsyncDisposableStack();
const fixture = await createConsoleFixture({ letters: LETTERS });
cleanup.defer(() => fixture.close());
const server = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen: () => {} },
  (request) => fixture.app.fetch(request),
);
cleanup.defer(() => server.shutdown());
const url = `http://127.0.0.1:${server.addr.port}/console/`;
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ["--no-sandbox", "--disable-background-networking"],
});
cleanup.defer(() => browser.close());
const page = await browser.newPage({ viewport: VIEWPORT, reducedMotion: "reduce" });
await page.goto(url);
await page.fill("input[name=token]", CONSOLE_TOKENS.admin);
await page.click("main button[type=submit]");
await page.getByRole("heading", { name: "Overview" }).waitFor();
const { items: [dead] } = await fixture.outbox.listDeliveries({ state: "dead", limit: 1 });
const pages = {
  event: `events/${dead!.eventId}`,
  "dead-letters": "dead-letters",
  gates: "gates",
};
for (const [name, path] of Object.entries(pages)) {
  await page.goto(url + path);
  await page.screenshot({ path: `${root}/docs/console-${name}.png` });
}
console.log(`docs/console-*.png: ${Object.keys(pages).join(", ")}`);

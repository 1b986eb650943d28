/**
 * The web console in a real Chromium, as its users see it.
 * @module
 */
import assert from "node:assert/strict";
import { exists } from "../../tools/run.ts";
import { test } from "../support/harness.ts";
import type { Page } from "playwright-core";
import { CONSOLE_ROUTES, pathOf } from "../support/console_routes.ts";
import { CONSOLE_TOKENS, WORKING_URL } from "../support/console_fixture.ts";
import { until } from "../support/until.ts";
import { checkAccessibility, checkWidth, CHROMIUM, withConsole } from "./console_browser.ts";

/** Every page with data, and those of errors and of empty lists. */
async function pagesOf({ outbox, webhooks }: Fixture): Promise<readonly string[]> {
  if (await webhooks.get("billing") === undefined) {
    await webhooks.create({
      name: "billing",
      events: ["job.*"],
      url: WORKING_URL,
      headers: { "X-Team": "billing" },
      filter: { "data.job_name": ["invoice"] },
    });
  }
  const { items: [dead] } = await outbox.listDeliveries({ state: "dead", limit: 1 });
  const [replay] = await outbox.replays.list({ limit: 1 });
  const { id } = replay ?? await outbox.replays.start({ state: "dead", target: "nobody" });
  const values = { id: dead!.eventId, name: "billing" };
  const pages = CONSOLE_ROUTES.filter(({ method, path }) => {
    return method === "GET" && path !== "events/stream";
  }).map((route) => pathOf(route, route.path.startsWith("replays/") ? { id } : values));
  return [
    ...pages,
    "events?type=none.such",
    "events?type=!",
    "deliveries?state=dead",
    "deliveries?state=pending",
    "deliveries?type=!&since=x",
    "dead-letters?target=nobody",
    "gates?outcome=error",
    "no/such/page",
    "events/none",
    "webhooks/none",
  ];
}

if (!await exists(CHROMIUM)) {
  console.log(`the console in a browser: skipped, because ${CHROMIUM} is not installed`);
} else {
  test("in Chromium dead letters are replayed, all or some, and the progress survives a reload", () =>
    withConsole({ letters: 12 }, async ({ fixture, page, open, shows }) => {
      await open("dead-letters");
      await page.getByLabel(/^Select tool.called/).first().check();
      await page.getByLabel(/^Select tool.called/).nth(1).check();
      fixture.audit = "work";
      await page.getByRole("button", { name: "Replay selected" }).click();
      await shows("2 replayed.");
      await until(async () => (await dead(fixture)) === 10, "two fewer dead letters");
      page.on("dialog", (dialog) => dialog.accept());
      await page.getByRole("button", { name: "Replay all 10" }).click();
      await shows("10 replayed");
      assert.equal(await page.locator("progress").getAttribute("value"), "10");
      await page.reload();
      await shows("10 replayed");
      assert.equal(await page.locator("progress").getAttribute("value"), "10");
      await until(async () => (await dead(fixture)) === 0, "no dead letters");
      await open("dead-letters");
      await shows("No dead letters");
    }));

  test("in Chromium an event is followed to its failed delivery, whose webhook is fixed, and replayed", () =>
    withConsole({ letters: 2 }, async ({ fixture, page, open, shows }) => {
      await open("webhooks");
      await page.getByRole("link", { name: "Create a webhook" }).click();
      await page.getByLabel("Name", { exact: true }).fill("billing");
      await page.getByLabel("URL").fill("https://billing.example.com/hoks");
      await page.getByLabel("Events").fill("job.*");
      await page.getByRole("button", { name: "Create webhook" }).click();
      await shows("Copy the secret now.");
      assert.match(await page.locator("code.secret").innerText(), /^whsec_/);

      await open("events");
      await shows("Live");
      await fixture.hooks.emit("job.executed", { job_id: "7", job_name: "invoice", success: true });
      await page.getByRole("link", { name: "job.executed" }).click();
      await until(async () => (await page.getByText("no such path").count()) > 0, "the response", {
        again: () => page.reload(),
      });
      assert.ok((await page.content()).includes("no such path &lt;b&gt;"), "it is escaped");

      await open("webhooks/billing");
      await page.getByRole("button", { name: "Send a test" }).click();
      await shows("The test failed.");
      await page.getByRole("link", { name: "Edit" }).click();
      await page.getByLabel("URL").fill("http://127.0.0.1/");
      await page.getByRole("button", { name: "Save changes" }).click();
      await page.getByRole("alert").waitFor();
      await page.getByLabel("URL").fill(WORKING_URL);
      await page.getByRole("button", { name: "Save changes" }).click();
      await shows("Saved.");
      await page.getByRole("button", { name: "Send a test" }).click();
      await shows("The test was delivered.");

      page.on("dialog", (dialog) => dialog.accept());
      await open("dead-letters?target=billing");
      await page.getByRole("button", { name: "Replay all" }).click();
      await shows("1 replayed");
      await open("deliveries?target=billing");
      await until(
        async () => (await page.getByText("delivered", { exact: true }).count()) > 0,
        "it",
        {
          again: () => page.reload(),
        },
      );
    }));

  test("in Chromium a secret is rotated and shown once, and a webhook is deleted by its name", () =>
    withConsole({ letters: 2 }, async ({ page, open, shows }) => {
      await open("new-webhook");
      await page.getByLabel("Name", { exact: true }).fill("billing");
      await page.getByLabel("URL").fill(WORKING_URL);
      await page.getByRole("button", { name: "Create webhook" }).click();
      const secret = await page.locator("code.secret").innerText();
      await open("webhooks/billing");
      assert.ok(!(await page.content()).includes(secret));
      await checkAccessibility(page);
      page.on("dialog", (dialog) => dialog.accept());
      await page.getByRole("button", { name: "Rotate secret" }).click();
      await shows("The secret is rotated.");
      assert.notEqual(await page.locator("code.secret").innerText(), secret);
      await checkAccessibility(page);
      await page.getByText("Delete…").click();
      await page.getByLabel("Type “billing” to confirm").fill("bil");
      await page.getByRole("button", { name: "Delete for good" }).click();
      await shows("Not deleted");
      await page.getByText("Delete…").click();
      await page.getByLabel("Type “billing” to confirm").fill("billing");
      await page.getByRole("button", { name: "Delete for good" }).click();
      await shows("billing is deleted.");
      await open("new-webhook");
      await checkAccessibility(page);
    }));

  test("in Chromium the progress of a running replay moves without a reload, and can be canceled", () =>
    withConsole({ letters: 2 }, async ({ fixture, page, open, shows }) => {
      // A replay whose process is busy: its record says how far it has come.
      const id = "01a22926-6317-72a5-ae8f-ddcc7cd1a588";
      const key = ["replay", id];
      const record = {
        v: 1,
        status: "running",
        filter: { state: "dead" },
        total: 200,
        seen: 20,
        replayed: 20,
        refused: 0,
        at: Date.now(),
        by: "another process",
        lease: Date.now() + 3_600_000,
      };
      const put = (value: typeof record) => fixture.outbox.records!.put({ key, value });
      await put(record);
      await open(`replays/${id}`);
      await shows("20 of 200 (10%)");
      await put({ ...record, seen: 150, replayed: 150 });
      await shows("150 of 200 (75%)");
      assert.equal(await page.locator("progress").getAttribute("value"), "150");
      await page.reload();
      await shows("150 of 200 (75%)");
      page.on("dialog", (dialog) => dialog.accept());
      await page.getByRole("button", { name: "Cancel replay" }).click();
      await shows("The replay is canceled.");
      assert.equal((await fixture.outbox.replays.get(id))?.status, "canceled");
    }));

  test("in Chromium an ask is approved with the keyboard alone, and the response says who did", () =>
    withConsole({ letters: 2, token: "approve" }, async ({ fixture, page, open, shows }) => {
      await open("gates");
      await shows("Pay 4,200 EUR to Ada GmbH?");
      const isFocused = () => page.evaluate<boolean>("document.activeElement?.value === 'allow'");
      for (let presses = 0; !await isFocused(); presses++) {
        assert.ok(presses < 60, "Tab doesn't reach the button");
        await page.keyboard.press("Tab");
      }
      await page.keyboard.press("Shift+Tab"); // the reason
      await page.keyboard.type("The invoice is checked");
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      await shows("Approved. The agent continues.");
      await shows("Nothing to approve");
      const { items: [ask] } = await fixture.hooks.asks.list({ state: "all" });
      assert.deepEqual([ask!.state, ask!.by, ask!.note], [
        "allowed",
        "ada",
        "The invoice is checked",
      ]);
    }));

  test("in Chromium someone signs in, changes a webhook, and replays, using only the keyboard", () =>
    withConsole({ letters: 3 }, async ({ fixture, page, url, open, shows }) => {
      await pagesOf(fixture);
      page.on("dialog", (dialog) => dialog.accept());
      await page.context().clearCookies();
      await page.goto(url);
      await until(() => page.evaluate("document.activeElement.name === 'token'"), "the focus");
      await page.keyboard.type(CONSOLE_TOKENS.admin);
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "Overview" }).waitFor();
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter"); // Skip to content
      await until(() => page.evaluate("document.activeElement.id === 'main'"), "the content");
      await tabTo(page, "Webhooks", "Shift+Tab");
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "Webhooks" }).waitFor();
      await tabTo(page, "billing");
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "billing" }).waitFor();
      await tabTo(page, "Edit");
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "Edit billing" }).waitFor();
      await tabTo(page, "Timeout");
      await page.keyboard.type("7s");
      await page.keyboard.press("Enter");
      await shows("Saved.");
      assert.equal((await fixture.webhooks.get("billing"))!.fields.timeout, "7s");
      await open("dead-letters");
      await tabTo(page, /^Select tool.called/);
      await page.keyboard.press("Space");
      fixture.audit = "work";
      await tabTo(page, "Replay selected");
      await page.keyboard.press("Enter");
      await shows("1 replayed.");
    }));

  test("in Chromium a target is disabled and enabled, and a delivery is retried", () =>
    withConsole({ letters: 2 }, async ({ fixture, page, open, shows }) => {
      page.on("dialog", (dialog) => dialog.accept());
      await open("targets");
      await page.getByRole("button", { name: "Disable audit" }).click();
      await shows("Off: in the console, by lin");
      assert.equal((await fixture.outbox.endpoint("audit")).state, "off");
      await page.getByRole("button", { name: "Enable audit" }).click();
      await shows("audit is on.");
      fixture.audit = "work";
      await open("deliveries?state=dead&target=audit");
      await page.getByRole("button", { name: "Retry now: tool.called to audit" }).first().click();
      await shows("The event is delivered again.");
      assert.match(page.url(), /deliveries\?state=dead&target=audit/);
    }));

  test("in Chromium someone who may only read sees every page, and no button that acts", () =>
    withConsole({ letters: 2, token: "read" }, async ({ fixture, page, open }) => {
      for (const path of await pagesOf(fixture)) {
        await open(path);
        const buttons = await page.locator("main form[method=post]").count();
        assert.equal(buttons, 0, path);
      }
    }));

  for (
    const [what, context] of [
      ["1,440 px wide", { viewport: { width: 1440, height: 900 } }],
      ["320 px wide", { viewport: { width: 320, height: 640 } }],
      ["dark", { colorScheme: "dark", viewport: { width: 1440, height: 900 } }],
    ] as const
  ) {
    test(`in Chromium no page violates a rule of axe or scrolls sideways, ${what}`, () =>
      withConsole({ letters: 3, context }, async ({ fixture, page, open }) => {
        const check = async () => {
          await checkWidth(page);
          await checkAccessibility(page);
        };
        for (const path of await pagesOf(fixture)) {
          await open(path);
          await check();
        }
        await page.getByRole("button", { name: "Sign out" }).click();
        await page.getByLabel("Token").waitFor();
        await check();
        await page.getByLabel("Token").fill("not-a-token-of-this-server");
        await page.getByRole("button", { name: "Sign in" }).click();
        await page.getByRole("alert").waitFor();
        await check();
        await open("no/such/page"); // the sign-in, and the error after it
        await page.getByLabel("Token").fill(CONSOLE_TOKENS.approve);
        await page.getByRole("button", { name: "Sign in" }).click();
        await page.getByRole("heading", { name: "Page not found" }).waitFor();
        await open("targets");
        await page.getByRole("heading", { name: "Not allowed" }).waitFor();
        await check();
      }));
  }

  test("in Chromium every page can be read without JavaScript, below a path of another app", () =>
    withConsole(
      { letters: 3, base: "/a/b", context: { javaScriptEnabled: false } },
      async ({ fixture, page, url, open }) => {
        for (const path of await pagesOf(fixture)) {
          await open(path);
          assert.ok(page.url().startsWith(url), page.url());
          assert.equal(await page.locator("h1").count(), 1, path);
        }
        // Every control that needs a script is hidden without one.
        await open("events");
        assert.equal(await page.getByRole("button", { name: "Pause" }).count(), 0);
        await open("dead-letters");
        assert.equal(await page.getByRole("button", { name: /^Retry now/ }).count(), 3);
        await page.getByRole("link", { name: "Targets" }).click();
        assert.equal(page.url(), `${url}targets`);
      },
    ));

  test("in Chromium the first page takes under 100 KB", () =>
    withConsole({ letters: 2 }, async ({ page, url }) => {
      let bytes = 0;
      page.on("response", async (response) => {
        const { responseBodySize, responseHeadersSize } = await response.request().sizes();
        bytes += responseBodySize + responseHeadersSize;
      });
      await page.context().clearCookies({ name: "none" });
      await page.goto(url, { waitUntil: "networkidle" });
      assert.ok(bytes > 0 && bytes < 100_000, `${bytes} bytes`);
    }));
}

type Fixture = Parameters<Parameters<typeof withConsole>[1]>[0]["fixture"];

/** Presses Tab until what has a name has the focus, which can be seen. */
async function tabTo(
  page: Page,
  name: string | RegExp,
  key: "Tab" | "Shift+Tab" = "Tab",
): Promise<void> {
  for (let presses = 0; presses < 200; presses++) {
    await page.keyboard.press(key);
    const [label, isSeen] = await page.evaluate<[string, boolean]>(FOCUSED);
    assert.ok(isSeen, `the focus on "${label}" can't be seen`);
    if (typeof name === "string" ? label === name : name.test(label)) return;
  }
  assert.fail(`${key} doesn't reach ${name}`);
}

/** The name of what has the focus, and whether it shows that. */
const FOCUSED = `(() => {
  const element = document.activeElement;
  if (element === document.body) return ["", true]; // before the first control
  const { outlineStyle, boxShadow } = getComputedStyle(element);
  const label = element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent;
  return [label.trim(), outlineStyle !== "none" || boxShadow !== "none"];
})()`;

async function dead({ outbox }: Fixture): Promise<number | undefined> {
  return (await outbox.stats()).find(({ target }) => target === "audit")?.dead;
}

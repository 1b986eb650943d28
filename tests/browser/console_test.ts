/**
 * The web console in a real Chromium, as its users see it.
 * @module
 */
import assert from "node:assert/strict";
import { exists } from "../../tools/run.ts";
import { test } from "../support/harness.ts";
import { WORKING_URL } from "../support/console_world.ts";
import { checkAccessibility, checkWidth, CHROMIUM, withConsole } from "./console_browser.ts";

/** Every page that a list of links leads to. */
const PAGES = [
  "",
  "events",
  "deliveries",
  "deliveries?state=dead",
  "dead-letters",
  "targets",
  "gates",
];

if (!await exists(CHROMIUM)) {
  console.log(`the console in a browser: skipped, because ${CHROMIUM} is not installed`);
} else {
  test("in Chromium dead letters are replayed, all or some, and the progress survives a reload", () =>
    withConsole({ letters: 12 }, async ({ world, page, open, shows }) => {
      await open("dead-letters");
      await page.getByLabel(/^Select tool.called/).first().check();
      await page.getByLabel(/^Select tool.called/).nth(1).check();
      world.audit = "work";
      await page.getByRole("button", { name: "Replay selected" }).click();
      await shows("2 replayed.");
      await until(async () => (await dead(world)) === 10, "two fewer dead letters");
      page.on("dialog", (dialog) => dialog.accept());
      await page.getByRole("button", { name: "Replay all 10" }).click();
      await shows("10 replayed");
      assert.equal(await page.locator("progress").getAttribute("value"), "10");
      await page.reload();
      await shows("10 replayed");
      assert.equal(await page.locator("progress").getAttribute("value"), "10");
      await until(async () => (await dead(world)) === 0, "no dead letters");
      await open("dead-letters");
      await shows("No dead letters");
    }));

  test("in Chromium an event is followed to its failed delivery, whose webhook is fixed, and replayed", () =>
    withConsole({ letters: 2 }, async ({ world, page, open, shows }) => {
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
      await world.hooks.emit("job.executed", { job_id: "7", job_name: "invoice", success: true });
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
    withConsole({ letters: 2 }, async ({ world, page, open, shows }) => {
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
      const put = (value: typeof record) => world.outbox.records!.put({ key, value });
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
      assert.equal((await world.outbox.replays.get(id))?.status, "canceled");
    }));

  test("in Chromium an ask is approved with the keyboard alone, and the response says who did", () =>
    withConsole({ letters: 2, token: "approve" }, async ({ world, page, open, shows }) => {
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
      const { items: [ask] } = await world.hooks.asks.list({ state: "all" });
      assert.deepEqual([ask!.state, ask!.by, ask!.note], [
        "allowed",
        "ada",
        "The invoice is checked",
      ]);
    }));

  test("in Chromium a target is disabled and enabled, and a delivery is retried", () =>
    withConsole({ letters: 2 }, async ({ world, page, open, shows }) => {
      page.on("dialog", (dialog) => dialog.accept());
      await open("targets");
      await page.getByRole("button", { name: "Disable audit" }).click();
      await shows("Off: in the console, by lin");
      assert.equal((await world.outbox.endpoint("audit")).state, "off");
      await page.getByRole("button", { name: "Enable audit" }).click();
      await shows("audit is on.");
      world.audit = "work";
      await open("deliveries?state=dead&target=audit");
      await page.getByRole("button", { name: "Retry now: tool.called to audit" }).first().click();
      await shows("The event is delivered again.");
      assert.match(page.url(), /deliveries\?state=dead&target=audit/);
    }));

  test("in Chromium someone who may only read sees every page, and no button that acts", () =>
    withConsole({ letters: 2, token: "read" }, async ({ page, open }) => {
      for (const path of PAGES) {
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
      withConsole({ letters: 3, context }, async ({ page, open }) => {
        for (const path of PAGES) {
          await open(path);
          await checkWidth(page);
          await checkAccessibility(page);
        }
      }));
  }

  test("in Chromium every page can be read without JavaScript, below a path of another app", () =>
    withConsole(
      { letters: 3, base: "/a/b", context: { javaScriptEnabled: false } },
      async ({ page, url, open }) => {
        for (const path of PAGES) {
          await open(path);
          assert.ok(page.url().startsWith(url), page.url());
          assert.equal(await page.locator("h1").count(), 1, path);
        }
        await open("dead-letters");
        assert.equal(await page.locator("tbody tr").count(), 3);
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

type World = Parameters<Parameters<typeof withConsole>[1]>[0]["world"];

async function dead({ outbox }: World): Promise<number | undefined> {
  return (await outbox.stats()).find(({ target }) => target === "audit")?.dead;
}

/** Waits until something holds, and does something in between, such as to load the page again. */
async function until(
  holds: () => Promise<boolean>,
  what: string,
  { again }: { readonly again?: () => Promise<unknown> } = {},
): Promise<void> {
  const end = performance.now() + 60_000;
  while (!await holds()) {
    assert.ok(performance.now() < end, `waited for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await again?.();
  }
}

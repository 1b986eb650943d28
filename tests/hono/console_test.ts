/**
 * The web console: its frame, its sign-in, and where it works.
 * @module
 */
import { fixedRetry, WebhookHook } from "@omniagent/hooks";
import assert from "node:assert/strict";
import { idAt } from "../support/event_ids.ts";
import { test } from "../support/harness.ts";
import { until } from "../support/until.ts";
import { cookieOf, csrfOf, openPage, signIn, submit } from "./console_client.ts";
import { BASH, testApp, TOKENS, webhooks, withApp } from "./helpers.ts";

const options = { app: { console: true } } as const;

testApp(
  "the console sends people to the sign-in, and to the page that they opened after it",
  options,
  async (setup) => {
    const page = await setup.send("/console/?x=1", { token: null });
    assert.deepEqual([page.status, page.headers.get("location")], [303, "./sign-in?next=%3Fx%3D1"]);
    const form = await setup.send("/console/sign-in?next=%3Fx%3D1", { token: null });
    assert.match(await form.text(), /name="next" value="\?x=1"/);
    const response = await submit(setup, "sign-in", { token: TOKENS.read, next: "?x=1" });
    assert.deepEqual([response.status, response.headers.get("location")], [303, "./?x=1"]);
    const cookie = cookieOf(response);
    const overview = await setup.send("/console/", { token: null, headers: { cookie } });
    assert.equal(overview.status, 200);
    assert.match(await overview.text(), /<h1>Overview<\/h1>/);
  },
);

testApp(
  "every link of the console is relative, so that a proxy may strip any prefix",
  options,
  async (setup) => {
    const redirect = await setup.send("/console", { token: null });
    assert.deepEqual([redirect.status, redirect.headers.get("location")], [308, "console/"]);
    const cookie = await signIn(setup, "admin");
    for (const path of ["/console/", "/console/no/such/page"]) {
      const html = await (await setup.send(path, { token: null, headers: { cookie } })).text();
      const links = [...html.matchAll(/(?:href|src|action)="([^"]*)"/g)].map(([, url]) => url!);
      assert.ok(links.length > 5, html);
      const base = new URL(path, "http://proxy.test/").href;
      for (const url of links.filter((url) => url !== "#main")) {
        assert.match(url, /^\.\.?\//);
        assert.ok(new URL(url, base).pathname.startsWith("/console/"), `${url} on ${path}`);
      }
    }
  },
);

test("the files of the console are small, cached for a year, and current for any requested digest", () =>
  withApp(options, async (setup) => {
    const html = await (await setup.send("/console/sign-in", { token: null })).text();
    const files = [...html.matchAll(/(?:href|src)="\.\/(assets\/[^"]+)"/g)].map(([, path]) =>
      path!
    );
    assert.equal(files.length, 3);
    let size = html.length;
    for (const path of files) {
      const file = await setup.send(`/console/${path}`, { token: null });
      assert.equal(file.status, 200);
      assert.equal(file.headers.get("cache-control"), "public, max-age=31536000, immutable");
      const content = await file.text();
      size += content.length;
      const old = await setup.send(`/console/${path.replace(/-\w{12}\./, "-0123456789ab.")}`);
      assert.equal(old.headers.get("cache-control"), "no-store");
      assert.equal(await old.text(), content);
    }
    assert.ok(size < 100_000, `${size} bytes`);
  }));

test("an app has no console unless the option is set", () =>
  withApp({}, async (setup) => {
    assert.equal((await setup.send("/console")).status, 404);
    assert.equal((await setup.send("/console/")).status, 404);
  }));

testApp(
  "the overview counts the last hour, and shows the backlog of each target",
  options,
  async (setup) => {
    const { hooks } = setup;
    hooks.use(failingWebhook("audit", () => new Response("no", { status: 503 })));
    const cookie = await signIn(setup, "read");
    assert.match(await openPage(setup, "", cookie), /Send the first event/);
    await hooks.emit("tool.called", { name: "bash" });
    const isAttempted = async () =>
      /0\.0%<\/span>.*of 1 attempt</.test(await openPage(setup, "", cookie));
    await until(isAttempted, () => "the attempt on the overview");
    const html = await openPage(setup, "", cookie);
    assert.match(
      html,
      />audit<\/td><td><span class="badge ok">on<\/span><\/td><td class="number">1</,
    );
    assert.match(html, /<summary>Numbers by minute<\/summary>/);
    assert.doesNotMatch(html, /Send the first event/);
  },
);

testApp(
  "the list of events has filters and pages, and says what to do when it is empty",
  options,
  async (setup) => {
    const cookie = await signIn(setup, "read");
    assert.match(await openPage(setup, "events", cookie), /No events yet/);
    for (let i = 0; i < 60; i++) {
      await setup.send("/events", { body: { ...BASH, session_id: `s-${i % 2}` } });
    }
    const first = await openPage(setup, "events", cookie);
    assert.equal(first.match(/<tr data-id=/g)?.length, 50);
    const [, next] = /<a class="button" rel="next" href="\.\/([^"]+)"/.exec(first) ?? [];
    const second = await openPage(setup, next!.replaceAll("&amp;", "&"), cookie);
    assert.equal(second.match(/<tr data-id=/g)?.length, 10);
    assert.doesNotMatch(second, /data-live=/); // only the first page grows
    const session = await openPage(setup, "events?type=&session=s-1&run=", cookie);
    assert.equal(session.match(/<tr data-id=/g)?.length, 30);
    assert.match(await openPage(setup, "events?type=no.such", cookie), /No event matches/);
    const invalid = await openPage(setup, "events?type=no+type", cookie);
    assert.match(invalid, /aria-invalid="true" aria-describedby="type-error"/);
  },
);

test("a list that finds little in half a second says so, and can be continued", () =>
  withApp(options, async (setup) => {
    const outbox = setup.outbox!;
    outbox.register({
      name: "audit",
      timeout: 1000,
      concurrency: 64,
      retry: fixedRetry({ delay: 1000, retries: 1 }),
      attempt: () => Promise.resolve({ verdict: "delivered", duration: 1 }),
    });
    const start = Date.now() - 60_000;
    const publish = async (n: number, type: string, to: readonly string[]) => {
      const event = { id: idAt(start + n, n), type, timestamp: new Date(start + n), data: {} };
      await outbox.publish([{ event, to }]);
    };
    await publish(0, "rare", ["audit"]);
    for (let n = 1; n <= 60; n++) await publish(n, "common", ["audit"]);
    await outbox.drainOnce({ timeout: 60_000 });
    for (let n = 61; n <= 1100; n++) await publish(n, "common", []);
    const cookie = await signIn(setup, "read");
    const now = performance.now;
    let passed = 0;
    performance.now = () => passed += 600;
    try {
      for (const list of ["events", "deliveries"]) {
        const first = await openPage(setup, `${list}?type=rare`, cookie);
        assert.match(first, /No match yet/);
        const [, next] = /rel="next" href="\.\/([^"]+)">Keep looking/.exec(first) ?? [];
        const second = await openPage(setup, next!.replaceAll("&amp;", "&"), cookie);
        assert.match(second, />rare</);
        assert.doesNotMatch(second, /No match|Keep looking/);
        assert.match(second, /First page/);
        const full = await openPage(setup, `${list}?type=common`, cookie);
        assert.match(full, /Next page/);
      }
    } finally {
      performance.now = now;
    }
  }));

testApp(
  "a filter that is wrong lists nothing, rather than everything",
  options,
  async ({ outbox, ...setup }) => {
    const verdict = "final" as const;
    outbox!.register({
      name: "audit",
      timeout: 1000,
      concurrency: 1,
      retry: fixedRetry({ delay: 1000, retries: 1 }),
      attempt: () => Promise.resolve({ verdict, duration: 1, error: "no" }),
    });
    const event = { id: idAt(Date.now(), 1), type: "a", timestamp: new Date(), data: {} };
    await outbox!.publish([{ event, to: ["audit"] }]);
    await outbox!.drainOnce({ timeout: 60_000 });
    const cookie = await signIn(setup, "admin");
    for (const list of ["events", "deliveries", "dead-letters"]) {
      assert.match(await openPage(setup, list, cookie), /<time/);
      const wrong = await openPage(setup, `${list}?type=a+b`, cookie);
      assert.match(wrong, /Correct the filter/);
      assert.doesNotMatch(wrong, /href="\.\/events\/0|Replay all|rel="next"/);
      assert.match(wrong, />Clear</);
    }
    assert.match(await openPage(setup, "gates?gate=no+such+name", cookie), /No decisions match/);
  },
);

testApp(
  "the page of an event has its payload, its deliveries, and the response to each attempt",
  options,
  async (setup) => {
    const { hooks, outbox } = setup;
    hooks.use(failingWebhook("crm", () => new Response("unknown account", { status: 400 })));
    const { id } = await hooks.emit("tool.called", { name: "bash" }, { sessionId: "s 1" });
    const isDead = async () => (await outbox!.get("crm", id))?.state === "dead";
    await until(isDead, () => "the dead delivery");
    const cookie = await signIn(setup, "read");
    const html = await openPage(setup, `events/${id}`, cookie);
    assert.match(html, /<h1>tool\.called<\/h1>/);
    assert.match(html, /&quot;name&quot;: &quot;bash&quot;/);
    assert.match(html, /href="\.\.\/events\?session=s\+1"/);
    assert.match(
      html,
      /<h3 id="delivery-0">crm<\/h3><div class="row"><span class="badge bad">dead</,
    );
    assert.doesNotMatch(html, /Retry now/); // may only read
    assert.match(html, /<code>400<\/code>.*unknown account/);
    const missing = await setup.send("/console/events/no-such", {
      token: null,
      headers: { cookie },
    });
    assert.equal(missing.status, 404);
    assert.match(await missing.text(), /Event not found/);
  },
);

testApp(
  "the page of an event retries its deliveries, and shows no request where a hook was called",
  options,
  async (setup) => {
    const { hooks, outbox } = setup;
    hooks.use({ name: "ledger", events: ["tool.*"], durable: true, handle() {} });
    const { id } = await hooks.emit("tool.called", { name: "bash" });
    const made = async () => (await outbox!.get("ledger", id))?.made ?? 0;
    await until(async () => await made() === 1, () => "the first attempt");
    const cookie = await signIn(setup, "admin");
    const html = await openPage(setup, `events/${id}`, cookie);
    assert.match(html, /Attempt 1/);
    assert.doesNotMatch(html, /Request and response/);
    const [, action] = /action="\.\.\/(deliveries\/ledger\/[^"]+\/retry)"/.exec(html) ?? [];
    const [, back] = /name="back" value="([^"]+)"/.exec(html) ?? [];
    const done = await submit(setup, action!, { csrf: csrfOf(html), back: back! }, { cookie });
    assert.match(done.headers.get("location")!, new RegExp(`/events/${id}\\?notice=`));
    await until(async () => await made() === 2, () => "the second attempt");
  },
);

testApp("the session streams events from where the list ends", options, async (setup) => {
  const cookie = await signIn(setup, "read");
  const html = await openPage(setup, "events?type=tool.*", cookie);
  const [, stream] = /data-live="\.\/([^"]+)"/.exec(html) ?? [];
  // Accepted after the list was read, and before the stream is open.
  const { id } = await setup.hooks.emit("tool.called", { name: "bash" });
  const response = await setup.send(`/console/${stream!.replaceAll("&amp;", "&")}`, {
    token: null,
    headers: { cookie, accept: "text/event-stream" },
  });
  assert.equal(response.status, 200);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let received = "";
  while (!received.includes("data:")) received += (await reader.read()).value;
  assert.match(received, new RegExp(`id: ${id}\\ndata: .*"bash"`));
  await reader.cancel();
});

test("without an outbox, the pages of the console name what they need", () =>
  withApp({ ...options, outbox: false }, async (setup) => {
    const cookie = await signIn(setup, "read");
    const page = await setup.send("/console/events", { token: null, headers: { cookie } });
    assert.equal(page.status, 501);
    assert.match(await page.text(), /An outbox is required/);
  }));

testApp(
  "the form of a webhook never undoes what someone else has changed meanwhile",
  { ...options, webhooks },
  async (setup) => {
    const cookie = await signIn(setup, "admin");
    const csrf = csrfOf(await openPage(setup, "", cookie));
    const save = (path: string, fields: Readonly<Record<string, string>>) =>
      submit(setup, path, { csrf, events: "*", ...fields }, { cookie });
    const form = { name: "audit", url: "https://mine.test/", headers: "X-A: 1" };
    assert.equal((await save("new-webhook", form)).status, 200);
    const path = "webhooks/audit/edit";
    const revision = revisionOf(await openPage(setup, path, cookie));

    const other = { url: "https://other.test/", headers: "X-A:\nAuthorization: Bearer x" };
    assert.equal((await save(path, { ...other, revision })).status, 303);
    const late = { revision, url: "https://late.test/", headers: "X-A:" };
    // What is invalid besides makes no difference.
    for (const fields of [late, { ...late, filter: "{" }]) {
      const refused = await save(path, fields);
      assert.equal(refused.status, 422);
      const html = await refused.text();
      assert.match(html, /audit was changed meanwhile/);
      assert.notEqual(revisionOf(html), revision);
      // The form that may be saved now has the other's values, not those of the one that may not.
      assert.match(html, /value="https:\/\/other\.test\/"/);
      assert.match(html, /X-A: \nauthorization: /i);
      assert.doesNotMatch(html, /late\.test/);
    }
    assert.match(await openPage(setup, "webhooks/audit", cookie), /other\.test/);

    const current = revisionOf(await openPage(setup, path, cookie));
    const invalid = await save(path, { ...late, revision: current, filter: "{" });
    const html = await invalid.text();
    assert.equal(revisionOf(html), current);
    assert.match(html, /The filter isn&#39;t JSON.*value="https:\/\/late\.test\/"/s); // one's own stay
  },
);

testApp(
  "an outdated page can't delete a webhook or rotate its secret after someone has changed it",
  { ...options, webhooks },
  async (setup) => {
    const cookie = await signIn(setup, "admin");
    const csrf = csrfOf(await openPage(setup, "", cookie));
    const webhook = { name: "audit", url: "https://mine.test/", events: ["*"] };
    assert.equal((await setup.send("/webhooks", { body: webhook })).status, 201);
    const revision = revisionOf(await openPage(setup, "webhooks/audit", cookie));
    const headers = { "if-match": "*" };
    const change = { method: "PATCH", body: { url: "https://other.test/" }, headers };
    assert.equal((await setup.send("/webhooks/audit", change)).status, 200);

    for (const action of ["delete", "rotate-secret"]) {
      const path = `webhooks/audit/${action}`;
      for (const given of [{ revision }, {}, { revision: "x" }]) {
        const fields = { csrf, confirm: "audit", ...given };
        const html = await (await submit(setup, path, fields, { cookie })).text();
        assert.match(html, /role="alert">Someone else has changed the webhook/);
        assert.match(html, /other\.test/);
        assert.doesNotMatch(html, /whsec_/);
      }
    }
    const current = revisionOf(await openPage(setup, "webhooks/audit", cookie));
    const fields = { csrf, confirm: "audit", revision: current };
    assert.equal((await submit(setup, "webhooks/audit/delete", fields, { cookie })).status, 303);
    assert.equal((await setup.send("/webhooks/audit")).status, 404);
  },
);

function revisionOf(html: string): string {
  const [, revision] = /name="revision" value="(\d+)"/.exec(html) ?? [];
  assert.ok(revision, html);
  return revision;
}

function failingWebhook(name: string, respond: () => Response): WebhookHook {
  return new WebhookHook({
    name,
    url: "https://receiver.test/",
    events: ["tool.*"],
    secret: "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    fetch: () => Promise.resolve(respond()),
  });
}

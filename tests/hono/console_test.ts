/**
 * The web console: its frame, its sign-in, and where it works.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { type Setup, testApp, TOKENS, withApp } from "./helpers.ts";

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
    const cookie = cookieOf(await submit(setup, "sign-in", { token: TOKENS.admin }));
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

test("the files of the console are small, cached for a year, and current whatever digest is asked for", () =>
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

test("an app has no console unless it asks for one", () =>
  withApp({}, async (setup) => {
    assert.equal((await setup.send("/console")).status, 404);
    assert.equal((await setup.send("/console/")).status, 404);
  }));

/** Sends a form of the console, as a browser does. */
async function submit(
  { send }: Setup,
  path: string,
  fields: Readonly<Record<string, string>>,
): Promise<Response> {
  return await send(`/console/${path}`, {
    token: null,
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", origin: "http://hooks.test" },
    body: new URLSearchParams(fields).toString(),
  });
}

function cookieOf(response: Response): string {
  const cookie = response.headers.get("set-cookie")?.split(";")[0];
  if (cookie === undefined) throw new Error(`No cookie: ${response.status}`);
  return cookie;
}

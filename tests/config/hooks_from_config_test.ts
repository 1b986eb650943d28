import assert from "node:assert/strict";
import { createHooks } from "@omniagent/hooks";
import { type HooksConfig, hooksFromConfig, parseConfig } from "@omniagent/hooks/config";
import { loadConfig } from "@omniagent/hooks/config/yaml";
import { createAddressGuard, generateSecret, verifyWebhook } from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

const secret = generateSecret();
const config = loadConfig(
  `
hooks:
  defaults: { headers: { X-Team: core }, filter: { data.name: "git_*" }, retry_count: 1, retry_delay: 0s }
  webhooks:
    - name: audit
      events: [tool.*]
      url: https://audit.example.com/events?x=\${X}
      method: PUT
      headers: { Authorization: "Bearer \${TOKEN}" }
      secret: \${SECRET}
    - { name: other, events: ["*"], url: "https://other.example.com/", filter: {} }
`,
  { env: { X: "1", TOKEN: "abc", SECRET: secret } },
);

/** Sends the events of two tools; the requests in their order. */
async function send(options: Parameters<typeof hooksFromConfig>[1], status = 200) {
  const requests: { readonly request: Request; readonly body: string }[] = [];
  const hooks = createHooks({
    use: hooksFromConfig(config, {
      fetch: async (input, init) => {
        const request = new Request(input, init);
        requests.push({ request, body: await request.clone().text() });
        return new Response(null, { status });
      },
      ...options,
    }),
    logger: silentLogger,
  });
  await hooks.emit("tool.called", { name: "git_push" }).catch(() => {});
  await hooks.emit("tool.called", { name: "bash" }).catch(() => {});
  await hooks.close();
  return requests.sort((a, b) => a.request.url < b.request.url ? -1 : 1);
}

test("a webhook from a file applies method, headers, variables, filter and signature", async () => {
  const requests = await send({});
  assert.deepEqual(
    requests.map(({ request: { method, url } }) => `${method} ${url}`),
    [
      "PUT https://audit.example.com/events?x=1",
      "POST https://other.example.com/",
      "POST https://other.example.com/",
    ],
  );
  const [{ request, body }] = requests as [typeof requests[number]];
  assert.equal(request.headers.get("authorization"), "Bearer abc");
  assert.equal(request.headers.get("x-team"), "core");
  assert.ok(await verifyWebhook(body, request.headers, { secrets: secret }));
  assert.equal(JSON.parse(body).data.name, "git_push");
});

test("a webhook from a file retries as often as its retry_count", async () => {
  assert.equal((await send({}, 500)).length, 6);
});

test("transforms apply to the webhooks that they name", async () => {
  const requests = await send({ transform: { audit: (event) => ({ only: event.type }) } });
  assert.equal(requests[0]?.body, '{"only":"tool.called"}');
  assert.equal(JSON.parse(requests[1]!.body).data.name, "git_push");
});

test("hooksFromConfig() rejects options that fit no webhook", () => {
  const make = (options: unknown) => () => hooksFromConfig(config, options as object);
  assert.throws(make({ transform: { adit: () => null } }), {
    name: "TypeError",
    message: "Cannot create hooks from configuration: 'transform' names unknown webhook 'adit'. " +
      "Did you mean 'audit'?",
  });
  assert.throws(make({ transform: { audit: 5 } }), {
    message: /: invalid 'transform': 'audit' must be a function, got 5$/,
  });
  assert.throws(make({ transform: [] }), /'transform' must be an object/);
  assert.throws(make(5), /the options must be an object, got 5/);
  assert.throws(() => hooksFromConfig(undefined as never), /the configuration must be an object/);
  assert.throws(
    () => hooksFromConfig({ hooks: { webhooks: [] } } as never),
    /: it must be the result of parseConfig\(\) or loadConfig\(\)$/,
  );
  const plain = parseConfig(
    { hooks: { webhooks: [{ name: "a", events: ["*"], url: "http://a.example.com/" }] } },
    { env: {} },
  );
  assert.throws(
    () => hooksFromConfig(plain, { guard: createAddressGuard() }),
    /webhook 'a'.* 'url' must be https/,
  );
});

test("reading a file twice gives equal data, so that reloads find changes", () => {
  const read = (more: string): HooksConfig =>
    loadConfig(
      `hooks: { webhooks: [{ name: a, events: ["*"], url: "https://a/" }, { name: b, events: [x], url: "https://b/"${more} }] }`,
      { env: {} },
    );
  const [before, same, after] = [read(""), read(""), read(", timeout: 5s")];
  assert.deepEqual(before, same);
  const changed = after.webhooks.filter((webhook, i) =>
    JSON.stringify(webhook) !== JSON.stringify(before.webhooks[i])
  );
  assert.deepEqual(changed.map(({ name }) => name), ["b"]);
  assert.deepEqual(hooksFromConfig(after).map(({ name }) => name), ["a", "b"]);
});

import { WebhookHook } from "@omniagent/hooks";
import { createAddressGuard } from "@omniagent/hooks/webhook";
import { generateEncryptionKey } from "@omniagent/hooks/webhook-store";
import assert from "node:assert/strict";
import { until } from "../support/until.ts";
import { problemOf, type SendOptions, type Setup, testApp, webhooks } from "./helpers.ts";

const AUDIT = { name: "audit", events: ["tool.*"], url: "https://hooks.example/path" };

type Webhook = Readonly<Record<string, unknown>> & {
  readonly secret?: string;
  readonly revision: number;
};

/** Sends a request that succeeds, and resolves to its JSON. */
async function json(
  { send }: Setup,
  path: string,
  options: SendOptions = {},
): Promise<Webhook> {
  const response = await send(path, options);
  const body = await response.json();
  assert.ok(response.ok, JSON.stringify(body));
  return body;
}

/** Sends a request that fails, and resolves to its problem document. */
async function problem(
  { send }: Setup,
  path: string,
  options: SendOptions,
): Promise<Readonly<Record<string, unknown>>> {
  const response = await send(path, options);
  assert.ok(!response.ok, `${response.status}`);
  return await response.json();
}

testApp(
  "a webhook is created, read, changed, and deleted",
  { webhooks },
  async (setup) => {
    const created = await setup.send("/webhooks", {
      body: { ...AUDIT, timeout: "5s", headers: { Authorization: "Bearer marker" } },
    });
    assert.equal(created.status, 201);
    assert.equal(created.headers.get("etag"), '"1"');
    assert.equal(created.headers.get("location"), "webhooks/audit");
    const { secret, ...shown } = await created.json();
    assert.match(secret, /^whsec_/);
    assert.deepEqual(shown, {
      ...AUDIT,
      timeout: "5s",
      state: "on",
      header_names: ["Authorization"],
      secrets: shown.secrets,
      revision: 1,
      created_at: shown.created_at,
      updated_at: shown.created_at,
    });
    assert.deepEqual(await json(setup, "/webhooks/audit"), shown);
    assert.deepEqual(await json(setup, "/webhooks"), { webhooks: [shown] });
    const changed = await setup.send("/webhooks/audit", {
      method: "PATCH",
      body: { timeout: null, events: ["job.*"] },
      headers: { "if-match": '"1"' },
    });
    assert.deepEqual([changed.status, changed.headers.get("etag")], [200, '"2"']);
    const { timeout, events } = await changed.json();
    assert.deepEqual([timeout, events], [undefined, ["job.*"]]);
    const deleted = { method: "DELETE", headers: { "if-match": '"2"' } };
    assert.deepEqual(await json(setup, "/webhooks/audit", deleted), {
      name: "audit",
      deleted: true,
    });
    assert.deepEqual(await problemOf(await setup.send("/webhooks/audit")), {
      status: 404,
      code: "webhook_not_found",
    });
    assert.deepEqual(await problemOf(await setup.send("/webhooks", { body: AUDIT })), {
      status: 409,
      code: "webhook_name_used",
    });
  },
);

testApp("changes need the current ETag, or *", { webhooks }, async (setup) => {
  await json(setup, "/webhooks", { body: AUDIT });
  const send = async (method: string, path: string, tag?: string) => {
    const headers: Record<string, string> = tag === undefined ? {} : { "if-match": tag };
    const response = await setup.send(path, { method, body: {}, headers });
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await send("PATCH", "/webhooks/audit"), 428);
  assert.equal(await send("DELETE", "/webhooks/audit"), 428);
  assert.equal(await send("POST", "/webhooks/audit/rotate-secret"), 428);
  for (const tag of ['"2"', 'W/"1"', "1", '"none", "of these"']) {
    assert.equal(await send("PATCH", "/webhooks/audit", tag), 412, tag);
    assert.equal(await send("DELETE", "/webhooks/audit", tag), 412, tag);
    assert.equal(await send("POST", "/webhooks/audit/rotate-secret", tag), 412, tag);
  }
  assert.equal(await send("PATCH", "/webhooks/audit", '"7", "1"'), 200);
  assert.equal(await send("POST", "/webhooks/audit/rotate-secret", '"2"'), 200);
  assert.equal(await send("PATCH", "/webhooks/audit", "*"), 200);
  assert.equal(await send("PATCH", "/webhooks/none", '"1"'), 404);
  assert.equal(await send("DELETE", "/webhooks/audit", '"4"'), 200);
});

testApp(
  "rotate-secret shows the new secret once, and keeps the old one for a while",
  { webhooks },
  async (setup) => {
    const { secret: first } = await json(setup, "/webhooks", { body: AUDIT });
    const headers = { "if-match": "*" };
    const overlap = { body: { overlap: "1h" }, headers };
    const rotated = await json(setup, "/webhooks/audit/rotate-secret", overlap);
    assert.match(rotated.secret!, /^whsec_/);
    assert.notEqual(rotated.secret, first);
    const [, old] = rotated.secrets as readonly { readonly expires_at: string }[];
    const left = Date.parse(old!.expires_at) - Date.now();
    assert.ok(left > 3_500_000 && left <= 3_600_000, `${left}`);
    assert.equal((await json(setup, "/webhooks/audit")).secret, undefined);
    const own = { body: { secret: first, overlap: "0s" }, headers };
    const replaced = await json(setup, "/webhooks/audit/rotate-secret", own);
    assert.deepEqual([replaced.secret, (replaced.secrets as unknown[]).length], [undefined, 1]);
    for (
      const body of [{ overlap: "31d" }, { overlap: "721h" }, { secret: "marker" }, { nope: 1 }]
    ) {
      const found = await problem(setup, "/webhooks/audit/rotate-secret", { body, headers });
      assert.equal(found.status, 422);
      assert.ok(!JSON.stringify(found).includes("marker"));
    }
  },
);

testApp("a webhook that is disabled says so, and why", { webhooks }, async (setup) => {
  await json(setup, "/webhooks", { body: AUDIT });
  await json(setup, "/targets/audit/disable", { body: { reason: "its receiver moves" } });
  const { webhooks: [listed] } = await json(setup, "/webhooks") as unknown as {
    readonly webhooks: readonly [Webhook];
  };
  for (const { state, reason } of [listed, await json(setup, "/webhooks/audit")]) {
    assert.deepEqual([state, reason], ["off", "its receiver moves"]);
  }
  await json(setup, "/targets/audit/enable", { method: "POST" });
  const { state, reason } = await json(setup, "/webhooks/audit");
  assert.deepEqual([state, reason], ["on", undefined]);
});

testApp("test makes one attempt and returns it", { webhooks }, async (setup) => {
  await json(setup, "/webhooks", { body: AUDIT });
  const attempt = await json(setup, "/webhooks/audit/test", { method: "POST" });
  assert.deepEqual([attempt.verdict, attempt.status], ["delivered", 204]);
  assert.deepEqual(await (await setup.send("/events")).json(), { events: [] });
});

testApp("every invalid field has its pointer", { webhooks }, async (setup) => {
  const body = { ...AUDIT, timeout: "5", retry: ["soon"], headers: { host: "marker" }, nope: 1 };
  const { status, errors } = await problem(setup, "/webhooks", { body });
  assert.equal(status, 422);
  assert.deepEqual(
    (errors as readonly { readonly pointer: string }[]).map(({ pointer }) => pointer),
    ["/timeout", "/retry/0", "/headers/host", "/nope"],
  );
  assert.ok(!JSON.stringify(errors).includes("marker"));
  for (const body of ["[]", "5", "null", '"x"', "{}"]) {
    assert.equal((await problem(setup, "/webhooks", { body })).status, 422, body);
  }
});

testApp("a list has pages", { webhooks }, async (setup) => {
  for (const name of ["a", "b", "c", "d", "e"]) {
    await json(setup, "/webhooks", { body: { ...AUDIT, name } });
  }
  const names: unknown[] = [];
  let cursor = "";
  do {
    const page: Webhook = await json(setup, `/webhooks?limit=2${cursor && `&cursor=${cursor}`}`);
    names.push(...(page.webhooks as readonly Webhook[]).map(({ name }) => name));
    cursor = (page.next_cursor as string | undefined) ?? "";
  } while (cursor !== "");
  assert.deepEqual(names, ["a", "b", "c", "d", "e"]);
  assert.equal((await problem(setup, "/webhooks?cursor=!!", {})).status, 422);
  assert.equal((await problem(setup, "/webhooks?cursor=AAAA", {})).status, 422);
});

testApp("only an admin sees what may be secret in a URL", { webhooks }, async (setup) => {
  const url = "https://hooks.example/T0123456789abcdef/marker0123456789?token=marker";
  await json(setup, "/webhooks", { body: { ...AUDIT, url } });
  assert.equal((await json(setup, "/webhooks/audit")).url, url);
  for (const path of ["/webhooks", "/webhooks/audit"]) {
    const shown = JSON.stringify(await json(setup, path, { token: "read" }));
    assert.ok(shown.includes("hooks.example") && !shown.includes("marker"), shown);
  }
});

testApp(
  "webhooks in code share the names, and are not changed",
  { webhooks },
  async (setup) => {
    const { hooks } = setup;
    hooks.use(new WebhookHook({ ...AUDIT, name: "file" }));
    const { code } = await problem(setup, "/webhooks", { body: { ...AUDIT, name: "file" } });
    assert.equal(code, "webhook_exists");
    const tag = { "if-match": "*" };
    for (const method of ["PATCH", "DELETE"]) {
      const found = await problem(setup, "/webhooks/file", { method, body: {}, headers: tag });
      assert.equal(found.code, "webhook_not_found");
    }
    const { hooks: listed } = await (await setup.send("/hooks")).json();
    assert.deepEqual(listed.map(({ name }: { readonly name: string }) => name), ["file"]);
  },
);

testApp("without an encryption key, webhooks are disabled", {}, async (setup) => {
  const { status, code } = await problem(setup, "/webhooks", { body: AUDIT });
  assert.deepEqual([status, code], [501, "webhooks_disabled"]);
});

/** Where a name leads, and leads later. */
let address = "93.184.216.34";
const requested: string[] = [];
const guarded = {
  encryptionKey: generateEncryptionKey(),
  guard: createAddressGuard({ resolve: () => Promise.resolve([address]) }),
  fetch: (input: RequestInfo | URL, init?: RequestInit) => {
    requested.push(`${input} ${init?.redirect}`);
    return Promise.resolve(
      new Response(null, { status: 302, headers: { location: "http://127.0.0.1/" } }),
    );
  },
};

testApp("URLs can't lead inside: not when created, changed, or tested, nor by redirect or DNS", {
  webhooks: guarded,
}, async (setup) => {
  address = "93.184.216.34";
  requested.length = 0;
  const inside = [
    "http://hooks.example/",
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://0x7f.1/",
    "https://localhost/",
    "https://169.254.169.254/latest/meta-data",
    "https://[::ffff:10.0.0.1]/",
    "https://10.0.0.1/",
    "https://user:password@hooks.example/",
  ];
  for (const url of inside) {
    const { status, errors } = await problem(setup, "/webhooks", { body: { ...AUDIT, url } });
    const [{ pointer }] = errors as [{ readonly pointer: string }];
    assert.deepEqual([status, pointer], [422, "/url"], url);
  }
  await json(setup, "/webhooks", { body: AUDIT });
  const headers = { "if-match": "*" };
  for (const url of inside) {
    const change = { method: "PATCH", body: { url }, headers };
    assert.equal((await problem(setup, "/webhooks/audit", change)).status, 422, url);
  }
  // A redirect is a failure, and isn't followed.
  const test = () => json(setup, "/webhooks/audit/test", { method: "POST" });
  const redirected = await test();
  assert.deepEqual([redirected.verdict, redirected.status], ["final", 302]);
  assert.deepEqual(requested, ["https://hooks.example/path manual"]);
  // The name leads elsewhere since.
  address = "10.0.0.1";
  const rebound = await test();
  assert.equal(rebound.verdict, "final");
  assert.match(String(rebound.error), /10\.0\.0\.1/);
  const change = { method: "PATCH", body: { timeout: "3s" }, headers };
  assert.equal((await problem(setup, "/webhooks/audit", change)).status, 422);
  const { receipts } = await (await setup.send("/events", {
    body: { type: "tool.called", data: { name: "bash" } },
  })).json();
  const path = `/deliveries/audit/${receipts[0].id}`;
  await until(async () => (await json(setup, path)).state === "dead", "a dead letter");
  assert.equal(requested.length, 1);
});

const GARBAGE: readonly unknown[] = [
  null,
  0,
  -1,
  1e308,
  "",
  "\u0000",
  "${HOME}",
  "x".repeat(9000),
  [],
  [[]],
  {},
  { a: { b: null } },
  true,
  "https://hooks.example",
  "__proto__",
];
const FIELDS = [
  "name events url method headers timeout retry_count retry_delay retry retry_on secret secrets format",
  "filter concurrency ordering handshake header_names revision __proto__ constructor",
].join(" ").split(" ");

testApp("no field of a webhook causes a 500, whatever its value", { webhooks }, async (setup) => {
  await json(setup, "/webhooks", { body: AUDIT });
  const headers = { "if-match": "*" };
  let n = 0;
  for (const field of FIELDS) {
    for (const value of GARBAGE) {
      const body = `{${JSON.stringify(field)}:${JSON.stringify(value)}}`;
      const name = `n${n++}`;
      const whole = JSON.stringify({ ...AUDIT, name }).replace("}", `,${body.slice(1)}`);
      const requests: readonly [string, SendOptions][] = [
        ["/webhooks", { body: whole }],
        ["/webhooks/audit", { method: "PATCH", body, headers }],
        ["/webhooks/audit/rotate-secret", { body, headers }],
      ];
      for (const [path, request] of requests) {
        const response = await setup.send(path, request);
        await response.body?.cancel();
        assert.ok(
          [200, 201, 409, 422].includes(response.status),
          `${path} ${body} ${response.status}`,
        );
      }
    }
  }
  assert.deepEqual(setup.errors, []);
  await json(setup, "/webhooks/audit/test", { method: "POST" });
});

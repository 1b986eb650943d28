import { ask } from "@omniagent/hooks/gates";
import { Validator } from "@seriousme/openapi-schema-validator";
import assert from "node:assert/strict";
import { receiptsOf, testApp, webhooks } from "./helpers.ts";

type Media = { readonly example?: unknown; readonly schema?: unknown };
type Operation = {
  readonly security: readonly unknown[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<
    Record<string, { readonly content: Readonly<Record<string, unknown>> }>
  >;
};
type Document = {
  readonly openapi: string;
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
};

testApp(
  "the document is valid OpenAPI 3.1, and has the path of the mount",
  {},
  async ({ send, base }) => {
    const document = await (await send("/openapi.json", { token: null })).json() as Document;
    const result = await new Validator().validate(document);
    assert.deepEqual(result.errors ?? [], []);
    assert.ok(result.valid);
    assert.match(document.openapi, /^3\.1\./);
    assert.deepEqual(document.servers, [{ url: base || "/" }]);
  },
);

testApp("the validator finds errors in a document", {}, async ({ send }) => {
  const document = await (await send("/openapi.json")).json();
  const { paths } = document;
  delete paths["/events"].post.responses;
  paths["/events"].get.parameters = [{ name: "a" }];
  assert.equal((await new Validator().validate(document)).valid, false);
});

testApp(
  "every operation has its problems, and those with a scope have 401 and 403",
  {},
  async ({ send }) => {
    const { paths } = await (await send("/openapi.json")).json() as Document;
    for (const [path, item] of Object.entries(paths)) {
      for (const [method, { security, responses }] of Object.entries(item)) {
        const name = `${method} ${path}`;
        // Agents read no problem documents: gates respond to them in their language.
        if (path.startsWith("/gates/")) {
          assert.deepEqual(Object.keys(responses), ["200"], name);
          continue;
        }
        assert.ok("431" in responses && "default" in responses, name);
        assert.equal("401" in responses && "403" in responses, security.length > 0, name);
        for (const [status, { content }] of Object.entries(responses)) {
          const isProblem = status === "default" || Number(status) >= 400;
          assert.equal("application/problem+json" in content, isProblem, `${name} ${status}`);
        }
      }
    }
  },
);

const STATUS: Readonly<Record<string, number>> = { "/replays": 202, "/webhooks": 201 };

testApp("every example of a body is accepted", { webhooks }, async ({ send, hooks }) => {
  hooks.use({ name: "ledger", events: ["job.*"], durable: true, handle() {} });
  hooks.gate("tool.called", { name: "approve", handle: () => ask("Pay?") });
  const asked = await hooks.decide("tool.called", { name: "pay" });
  const askId = asked.decision === "ask" ? asked.askId : "";
  const { paths } = await (await send("/openapi.json")).json() as Document;
  let sent = 0;
  for (const [path, { post }] of Object.entries(paths)) {
    for (const [type, { example }] of Object.entries(post?.requestBody?.content ?? {})) {
      const response = await send(
        path.replace("{target}", "ledger").replace("{name}", "audit").replace("{id}", askId),
        {
          body: example,
          headers: { "content-type": type, "if-match": "*" },
        },
      );
      if (path === "/events") await receiptsOf(response);
      else assert.equal(response.status, STATUS[path] ?? 200, path);
      sent++;
    }
  }
  assert.equal(sent, 15);
});

/**
 * Warnings of filters that can never match.
 * @module
 */
import assert from "node:assert/strict";
import type { HookEvent, WebhookHook } from "@omniagent/hooks";
import { type ConfigIssue, hooksFromConfig, parseConfig } from "@omniagent/hooks/config";
import { loadConfig } from "@omniagent/hooks/config/yaml";
import { test } from "../support/harness.ts";

type Filter = Readonly<Record<string, unknown>>;

function warningsOf(events: readonly string[], filter: Filter, env = {}): readonly ConfigIssue[] {
  const warnings: ConfigIssue[] = [];
  const webhooks = [{ name: "audit", events, url: "https://a.example/", filter }];
  parseConfig({ hooks: { webhooks } }, { env, onWarning: (warning) => warnings.push(warning) });
  return warnings;
}

const never: readonly (readonly [events: readonly string[], filter: Filter, says: RegExp])[] = [
  [
    ["tool.called"],
    { "data.nmae": "bash" },
    /tool\.called has no such field; did you mean data\.name\?/,
  ],
  [
    ["tool.*"],
    { "data.nmae": "bash" },
    /none of tool\.called, tool\.completed and tool\.denied has such a field/,
  ],
  [["tool.*", "job.executed"], { "data.zzzzzzzz": "x" }, /has such a field$/],
  [["*"], { type: "tool.called", "data.nmae": "x" }, /no such field/],
  [["tool.called"], { "data.name.first": "x" }, /no such field/],
  [["tool.called"], { "data.name.length": 4 }, /no such field/],
  [["session.rollover"], { "data.transcript.length": 4 }, /no such field/],
  [["session.rollover"], { "data.transcript.role": "user" }, /no such field/],
  [["session.rollover"], { "data.transcript": "user" }, /the field is a mapping$/],
  [["tool.called"], { data: "bash" }, /the field is a mapping$/],
  [["agent.end"], { "data.duration_ms": "5" }, /the field is a number$/],
  [["agent.end"], { "data.duration_ms": ["5", "6*"] }, /the field is a number$/],
  [["agent.end"], { "data.aborted": "true" }, /the field is true or false$/],
  [["agent.end"], { "data.aborted": 1 }, /the field is true or false$/],
  [["job.executed"], { "data.job_id": 5 }, /the field is a string$/],
  [["tool.*"], { type: "message.*" }, /no pattern in 'events' matches this type$/],
  [["tool.*"], { type: "Tool.called" }, /no pattern in 'events'/],
  [["*"], { type: "TOOL.*" }, /no pattern in 'events'/],
  [["*"], { type: ["tool called", "A"] }, /no pattern in 'events'/],
  [["tool.called"], { type: "*.completed" }, /no pattern in 'events' matches this type$/],
  [["tool.called", "order.paid"], { type: ["*.x", "a*"] }, /no pattern in 'events'/],
  [["tool.*"], { type: "*.completed", "data.nmae": "x" }, /tool\.completed has no such field/],
  [
    ["session.*"],
    { type: "*.rollover", "data.reason": "manual" },
    /the field is "idle" or "daily"$/,
  ],
  [["session.rollover"], { "data.reason": "Daily" }, /"daily"; did you mean daily\?$/],
  [["session.rollover"], { "data.reason": ["manual", "x*"] }, /the field is "idle" or "daily"$/],
  [["session.created", "session.updated"], { "data.action": "deleted" }, /"created" or "updated"$/],
  [["tool.called"], { "data.params": "x" }, /the field is a mapping$/],
  [["*"], { type: 5 }, /the field is a string$/],
  [["*"], { session_id: 5 }, /the field is a string$/],
  [["*"], { session_id: null }, /the field is a string$/],
  [["*"], { traceparent: 5 }, /the field is a string$/],
  [["*"], { id: [1, true] }, /the field is a string$/],
];

for (const [events, filter, says] of never) {
  test(`the filter ${JSON.stringify(filter)} of ${events} gets a warning`, () => {
    const warnings = warningsOf(events, filter);
    const key = Object.keys(filter).at(-1)!;
    assert.equal(warnings.length, 1);
    const [{ code, path, message }] = warnings as [ConfigIssue];
    assert.deepEqual([code, path], ["never_matches", ["hooks", "webhooks", 0, "filter", key]]);
    assert.match(message, /^never matches, so the webhook receives nothing: /);
    assert.match(message, says);
  });
}

const possible: readonly (readonly [events: readonly string[], filter: Filter])[] = [
  [["tool.called"], { "data.name": "ba*" }],
  [["tool.called"], { "data.params.deep.er": 5 }],
  [["tool.called"], { "data.params.a\\.b": null }],
  [["tool.completed"], { "data.error": "*" }],
  [["agent.end"], { "data.error": null }],
  [["tool.*", "message.*"], { "data.role": "user" }],
  [["*"], { "data.nmae": "x" }],
  [["order.paid"], { "data.nmae": 5 }],
  [["order.*", "tool.called"], { "data.total": 5 }],
  [["*"], { type: ["tool.called", "order.paid"], "data.total": 5 }],
  [["session.rollover"], { "data.transcript.0.role": "user" }],
  [["agent.end"], { "data.duration_ms": ["5", 5] }],
  [["agent.end"], { "data.aborted": true, "data.duration_ms": 0 }],
  [["tool.*"], { type: "*.called" }],
  [["tool.*", "x"], { type: "too*" }],
  [["tool.called"], { type: ["x", "tool.*"] }],
  [["tool.*"], { type: "tool.own" }],
  [["tool.*"], { type: "tool.own", "data.total": 5 }],
  [["message.*"], { type: "*.completed" }],
  [["*"], { type: "*.completed", "data.total": 5 }],
  [["session.rollover"], { "data.reason": "id*" }],
  [["session.rollover"], { "data.reason": ["manual", "daily"] }],
  [["session.*"], { "data.action": "created" }],
  [["*"], { session_id: "s-*", id: "*" }],
  [["*"], { run_id: "r-*", traceparent: "00-*" }],
  [["tool.called"], {}],
];

for (const [events, filter] of possible) {
  test(`the filter ${JSON.stringify(filter)} of ${events} gets no warning`, () =>
    assert.deepEqual(warningsOf(events, filter), []));
}

test("a type in 'events' that looks like a misspelled agent event gets a warning", () => {
  const warnings: ConfigIssue[] = [];
  const target = (name: string, events: readonly string[]) => ({
    name,
    events,
    url: "https://a.example/",
  });
  const hooks = {
    webhooks: [target("audit", ["tool.called", "message.recieved"])],
    gates: [target("policy", ["tool.caled"]), target("own", ["order.paid", "tool.*", "*"])],
  };
  parseConfig({ hooks }, { env: {}, onWarning: (warning) => warnings.push(warning) });
  assert.deepEqual(warnings.map(({ code, path, message }) => [code, path, message]), [
    [
      "never_matches",
      ["hooks", "webhooks", 0, "events", 1],
      "isn't an agent event; did you mean message.received?",
    ],
    [
      "never_matches",
      ["hooks", "gates", 0, "events", 0],
      "isn't an agent event; did you mean tool.called?",
    ],
  ]);
});

test("a filter in the defaults gets a warning at its place, with the name of the webhook", () => {
  const text = `
hooks:
  defaults: { filter: { data.nmae: bash } }
  webhooks:
    - { name: audit, events: [tool.*], url: "https://a.example/" }
    - { name: own, events: [tool.*], url: "https://a.example/", filter: { data.name: bash } }
`;
  const warnings: ConfigIssue[] = [];
  loadConfig(text, { env: {}, file: "hooks.yaml", onWarning: (one) => warnings.push(one) });
  assert.equal(warnings.length, 1);
  const [{ at, line, column, message, frame }] = warnings as [ConfigIssue];
  assert.deepEqual([at, line, column], ['hooks.defaults.filter["data.nmae"]', 3, 25]);
  assert.match(message, /for webhook audit/);
  assert.match(frame!, /\^{9}/);
});

test("warnings do not change the result, and a configuration with errors has none", () => {
  const webhooks = [{
    name: "a",
    events: ["tool.*"],
    url: "https://a.example/",
    filter: { type: 5 },
  }];
  const quiet = parseConfig({ hooks: { webhooks } }, { env: {} });
  const onWarning = () => assert.fail("it warned");
  assert.equal(quiet.webhooks.length, 1);
  assert.throws(() => parseConfig({ hooks: { webhooks, x: 1 } }, { env: {}, onWarning }));
  assert.throws(() => parseConfig({}, { env: {}, onWarning: 5 as never }), TypeError);
});

/** Whether a webhook of a filter gets an event with `data.value`. */
function passes(filter: string, value: unknown, env: Record<string, string>): boolean {
  const text = `
hooks:
  webhooks:
    - { name: a, events: ["*"], url: "https://a.example/" }
  defaults:
    filter:
      data.value: ${filter}
`;
  const [hook] = hooksFromConfig(loadConfig(text, { env })) as readonly WebhookHook[];
  const event: HookEvent = { id: "e", type: "a.b", timestamp: new Date(0), data: { value } };
  return hook!.accepts(event);
}

test("a variable in a filter matches its text, and the number or word that it spells", () => {
  const env = {
    PORT: "5",
    RATE: "-1.5e3",
    ON: "true",
    NO: "null",
    TEXT: "a*",
    ZIP: "007",
    BIG: "5x",
  };
  const rows: readonly (readonly [filter: string, value: unknown, passes: boolean])[] = [
    ["${PORT}", 5, true],
    ["${PORT}", "5", true],
    ["'${PORT}'", 5, true],
    ["[x, '${PORT}']", 5, true],
    ["${PORT}", 6, false],
    ["${PORT}", "55", false],
    ["${RATE}", -1500, true],
    ["${ON}", true, true],
    ["${ON}", "true", true],
    ["${ON}", 1, false],
    ["${NO}", null, true],
    ["${TEXT}", "abc", true],
    ["${ZIP}", 7, false],
    ["${ZIP}", "007", true],
    ["${BIG}", 5, false],
    ["${MISSING:-5}", 5, true],
    ["x${PORT}", "x5", true],
    ["'5'", 5, false],
    ["5", "5", false],
  ];
  for (const [filter, value, expected] of rows) {
    assert.equal(passes(filter, value, env), expected, `${filter} ${JSON.stringify(value)}`);
  }
});

test("a filter path can escape dots and backslashes, and nothing else", () => {
  const text = (path: string) => `
hooks:
  webhooks:
    - { name: a, events: ["*"], url: "https://a.example/", filter: { ${path}: x } }
`;
  const config = loadConfig(text("data.labels.app\\.io/name"), { env: {} });
  const [hook] = hooksFromConfig(config) as readonly WebhookHook[];
  const data = { labels: { "app.io/name": "x" } };
  assert.ok(hook!.accepts({ id: "e", type: "a.b", timestamp: new Date(0), data }));
  for (const path of ["data.a\\b", "data.a\\", "data.\\\\\\x"]) {
    assert.throws(
      () => loadConfig(text(path), { env: {} }),
      /a backslash that escapes neither a dot/,
    );
  }
});

/**
 * Filters that are accepted and never match are warned of; those that may match are not.
 * @module
 */
import assert from "node:assert/strict";
import type { HookEvent } from "@omniagent/hooks";
import { type ConfigIssue, hooksFromConfig, parseConfig } from "@omniagent/hooks/config";
import { loadConfig } from "@omniagent/hooks/config/yaml";
import { test } from "../harness.ts";

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
  [["tool.*"], { "data.nmae": "bash" }, /tool\.called, tool\.completed have no such field/],
  [["tool.*", "job.executed"], { "data.zzzzzzzz": "x" }, /no such field$/],
  [["*"], { type: "tool.called", "data.nmae": "x" }, /no such field/],
  [["tool.called"], { "data.name.first": "x" }, /no such field/],
  [["tool.called"], { "data.name.length": 4 }, /no such field/],
  [["session.rollover"], { "data.transcript.length": 4 }, /no such field/],
  [["session.rollover"], { "data.transcript.role": "user" }, /no such field/],
  [["session.rollover"], { "data.transcript": "user" }, /it is a mapping, and the value is not/],
  [["tool.called"], { data: "bash" }, /it is a mapping/],
  [["agent.end"], { "data.duration_ms": "5" }, /it is a number, and the value is not/],
  [["agent.end"], { "data.duration_ms": ["5", "6*"] }, /it is a number, and the values are not/],
  [["agent.end"], { "data.aborted": "true" }, /it is true or false/],
  [["agent.end"], { "data.aborted": 1 }, /it is true or false/],
  [["job.executed"], { "data.job_id": 5 }, /it is text/],
  [["tool.*"], { type: "message.*" }, /'events' has no pattern that matches it/],
  [["tool.*"], { type: "Tool.called" }, /'events' has no pattern/],
  [["*"], { type: "TOOL.*" }, /'events' has no pattern/],
  [["*"], { type: ["tool called", "A"] }, /'events' has no pattern/],
  [["*"], { type: 5 }, /it is text/],
  [["*"], { session_id: 5 }, /it is text/],
  [["*"], { session_id: null }, /it is text/],
  [["*"], { id: [1, true] }, /it is text, and the values are not/],
];

for (const [events, filter, says] of never) {
  test(`the filter ${JSON.stringify(filter)} of ${events} is warned of`, () => {
    const warnings = warningsOf(events, filter);
    const key = Object.keys(filter).at(-1)!;
    assert.equal(warnings.length, 1);
    const [{ code, path, message }] = warnings as [ConfigIssue];
    assert.deepEqual([code, path], ["never_matches", ["hooks", "webhooks", 0, "filter", key]]);
    assert.match(message, /^never matches, and the webhook receives nothing: /);
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
  [["*"], { session_id: "s-*", id: "*" }],
  [["tool.called"], {}],
];

for (const [events, filter] of possible) {
  test(`the filter ${JSON.stringify(filter)} of ${events} is not warned of`, () =>
    assert.deepEqual(warningsOf(events, filter), []));
}

test("a filter of the defaults is warned of where it is written, for the webhook that it silences", () => {
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

test("a configuration with warnings is read as without them, and one with faults warns of nothing", () => {
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
  const [hook] = hooksFromConfig(loadConfig(text, { env }));
  const event: HookEvent = { id: "e", type: "a.b", timestamp: new Date(0), data: { value } };
  return hook!.accepts(event);
}

test("a variable in a filter passes the text that it is, and the number or word that it stands for", () => {
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

test("a path of a file reaches keys with dots and backslashes, and refuses other escapes", () => {
  const text = (path: string) => `
hooks:
  webhooks:
    - { name: a, events: ["*"], url: "https://a.example/", filter: { ${path}: x } }
`;
  const [hook] = hooksFromConfig(loadConfig(text("data.labels.app\\.io/name"), { env: {} }));
  const data = { labels: { "app.io/name": "x" } };
  assert.ok(hook!.accepts({ id: "e", type: "a.b", timestamp: new Date(0), data }));
  for (const path of ["data.a\\b", "data.a\\", "data.\\\\\\x"]) {
    assert.throws(() => loadConfig(text(path), { env: {} }), /a backslash before neither a dot/);
  }
});

/**
 * One event arrives at every entry point, in every spelling of its headers and its body: what one accepts
 * the others accept, and they understand the same.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks, decodeEvent, type HookEvent } from "@omniagent/hooks";
import { createHooksApp } from "@omniagent/hooks/hono";
import { generateSecret, signWebhook, webhookReceiver } from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

type Verdict = "accepted" | "rejected" | "unsupported";
type Result = { readonly verdict: Verdict; readonly event?: HookEvent | undefined };
/** A request, but for where it goes. */
type Message = {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array<ArrayBuffer>;
};
type EntryPoint = (message: Message) => Promise<Result>;

const verdictOf = (status: number): Verdict =>
  status < 300 ? "accepted" : status === 415 ? "unsupported" : "rejected";

/** `POST /events`. */
const post: EntryPoint = async (message) => {
  const events: HookEvent[] = [];
  const hooks = createHooks<Record<string, unknown>>({ logger: silentLogger });
  hooks.on("*", (event) => void events.push(event));
  const app = createHooksApp(hooks, { auth: false, logger: silentLogger });
  const { status } = await app.request("/events", { method: "POST", ...message });
  await hooks.close();
  return { verdict: verdictOf(status), event: events[0] };
};

/** `webhookReceiver`. */
const receive: EntryPoint = async ({ headers, body }) => {
  const events: HookEvent[] = [];
  const secrets = generateSecret();
  const handle = webhookReceiver((event) => void events.push(event), {
    secrets,
    logger: silentLogger,
  });
  const signed = { ...headers, ...await signWebhook(body, { id: "m-1", secrets }) };
  const request = new Request("http://h.example/", { method: "POST", headers: signed, body });
  return { verdict: verdictOf((await handle(request)).status), event: events[0] };
};

/** `decodeEvent`, which has no headers. */
const decode: EntryPoint = ({ body }) => {
  try {
    return Promise.resolve({ verdict: "accepted", event: decodeEvent(body) });
  } catch {
    return Promise.resolve({ verdict: "rejected" });
  }
};

/** How an event is written: its media type, other headers, and the body around its data. */
type Form = {
  readonly type: string;
  readonly headers?: Readonly<Record<string, string>>;
  wrap(data: string, fields?: string): string;
};

const time = "2026-04-22T10:30:00Z";
const attributes = `"specversion":"1.0","id":"e-1","source":"/s","type":"a.b","time":"${time}"`;
const forms: Readonly<Record<string, Form>> = {
  native: {
    type: "application/json",
    wrap: (data, fields = "") =>
      `{"id":"e-1","type":"a.b","timestamp":"${time}"${fields},"data":${data}}`,
  },
  structured: {
    type: "application/cloudevents+json",
    wrap: (data) => `{${attributes},"data":${data}}`,
  },
  batch: {
    type: "application/cloudevents-batch+json",
    wrap: (data) => `[{${attributes},"data":${data}}]`,
  },
  binary: {
    type: "application/json",
    headers: {
      "ce-specversion": "1.0",
      "ce-id": "e-1",
      "ce-source": "/s",
      "ce-type": "a.b",
      "ce-time": time,
    },
    wrap: (data) => data,
  },
};
const entryPoints: readonly (readonly [name: string, enter: EntryPoint, form: Form])[] = Object
  .entries(forms)
  .flatMap(([name, form]) => [
    [`POST /events, ${name}`, post, form] as const,
    [`webhookReceiver, ${name}`, receive, form] as const,
  ]);

const DATA = '{"name":"bäsh","n":1}';
const utf8 = new TextEncoder();

/** The headers of a request whose media type is the given one. */
type HeadersFor = (type: string) => Record<string, string>;
const mediaTypes = (...spellings: readonly ((type: string) => string)[]): HeadersFor[] =>
  spellings.map((spell) => (type) => ({ "content-type": spell(type) }));
const codings = (...values: readonly string[]): HeadersFor[] =>
  values.map((value) => (type) => ({ "content-type": type, "content-encoding": value }));

const accepted: readonly HeadersFor[] = [
  ...mediaTypes(
    (type) => type,
    (type) => type.toUpperCase(),
    (type) => ` ${type}\t`,
    (type) => `${type};charset=utf-8`,
    (type) => `${type}; charset=UTF-8`,
    (type) => `${type} ; Charset="utf-8"`,
    (type) => `${type}; charset="\\utf-8"`,
    (type) => `${type}; charset=utf8`,
    (type) => `${type};`,
    (type) => `${type}; version=1`,
    (type) => `${type}; version="a; charset=latin1"; charset=utf-8`,
  ),
  ...codings("identity", "Identity", " identity ", "identity, identity", ""),
];
const unsupported: readonly HeadersFor[] = [
  ...mediaTypes(
    (type) => `${type}; charset=iso-8859-1`,
    (type) => `${type}; charset="UTF-16"`,
    (type) => `${type}; version=1; CHARSET=utf-7`,
    // Malformed.
    (type) => `${type}; charset`,
    (type) => `${type}, ${type}`,
    (type) => `${type}; charset="utf-8`,
    () => "json",
    () => "/",
  ),
  ...codings("gzip", "GZIP", "x-gzip", "br", "identity, gzip", "gzip, identity", "aws-chunked"),
];
const headerRows: readonly (readonly [Verdict, HeadersFor])[] = [
  ...accepted.map((headersFor) => ["accepted", headersFor] as const),
  ...unsupported.map((headersFor) => ["unsupported", headersFor] as const),
];

for (const [verdict, headersFor] of headerRows) {
  test(`a request with ${JSON.stringify(headersFor("TYPE"))} is ${verdict} at every entry point`, async () => {
    for (const [name, enter, { type, headers, wrap }] of entryPoints) {
      const body = utf8.encode(wrap(DATA)); // bytes, as a string brings a media type of its own
      const result = await enter({ headers: { ...headers, ...headersFor(type) }, body });
      assert.equal(result.verdict, verdict, name);
      if (verdict !== "accepted") continue;
      assert.deepEqual(result.event?.data, { name: "bäsh", n: 1 }, name);
      assert.deepEqual(result.event?.timestamp, new Date(time), name);
    }
  });
}

for (const type of ["application/vnd.acme.v1+json", "text/json", "Application/Problem+JSON"]) {
  test(`native events and binary CloudEvents may be ${type}`, async () => {
    const headers = { "content-type": type };
    for (const [name, enter, form] of entryPoints) {
      if (form.type !== "application/json") continue;
      const message = { headers: { ...form.headers, ...headers }, body: form.wrap(DATA) };
      assert.equal((await enter(message)).verdict, "accepted", name);
    }
  });
}

const BOM = "\ufeff";
type Spelling = (json: string) => string | Uint8Array<ArrayBuffer>;
const bodies: readonly (readonly [name: string, Verdict, Spelling])[] = [
  ["a byte order mark", "accepted", (json) => BOM + json],
  ["space around it", "accepted", (json) => ` \r\n\t${json} \r\n\t`],
  ["a byte order mark and a line end", "accepted", (json) => `${BOM}\n${json}\n`],
  ["two byte order marks", "rejected", (json) => BOM + BOM + json],
  ["a byte order mark behind it", "rejected", (json) => json + BOM],
  ["more than one value", "rejected", (json) => json + json],
  ["a comma behind it", "rejected", (json) => `${json},`],
  ["half of it", "rejected", (json) => json.slice(0, -1)],
  ["a zero byte behind it", "rejected", (json) => `${json}\0`],
  [
    "UTF-16",
    "rejected",
    (json) => new Uint8Array([...BOM + json].flatMap((c) => [c.charCodeAt(0), 0])),
  ],
  ["a byte that is not UTF-8", "rejected", (json) => {
    const bytes = utf8.encode(json);
    bytes[bytes.indexOf(0xc3)] = 0xff; // of the ä
    return bytes;
  }],
];

/** The entryPoints, and those that have no headers. */
const allEntryPoints = [...entryPoints, ["decodeEvent", decode, forms.native!] as const];

for (const [about, verdict, spell] of bodies) {
  test(`a body with ${about} is ${verdict} at every entry point`, async () => {
    for (const [name, enter, { type, headers, wrap }] of allEntryPoints) {
      const body = spell(wrap(DATA));
      const result = await enter({ headers: { ...headers, "content-type": type }, body });
      assert.equal(result.verdict, verdict, name);
      if (verdict === "accepted") {
        assert.deepEqual(result.event?.data, { name: "bäsh", n: 1 }, name);
      }
    }
  });
}

test("the last of two equal keys wins, at every entry point", async () => {
  for (const [name, enter, { type, headers, wrap }] of allEntryPoints) {
    const message = { headers: { ...headers, "content-type": type }, body: wrap('{"a":1,"a":2}') };
    assert.deepEqual((await enter(message)).event?.data, { a: 2 }, name);
  }
});

const changed = [
  "9007199254740993",
  "-9007199254740993",
  "12345678901234567890",
  "9007199254740993.0",
  "9007199254740993e0",
  "900719925474099.3e1",
  "90071992547409930E-1",
  "9007199254740992.5",
  "1e400",
  "-1e400",
  "1E+309",
  "123456789012345678e10",
];
const kept = [
  "9007199254740991",
  "-9007199254740991",
  "9007199254740992",
  "9007199254740994",
  "12345678901234567000",
  "100000000000000000000",
  "1e20",
  "1E+20",
  "1e22",
  "1e23",
  "1.5e300",
  "0.1234567890123456789",
  "-0.0000012345678901234567",
  "123456789.12345678901",
  "1e-400",
  "-0",
  "0.0",
  "1.7976931348623157e308",
  "5e-324",
  "0e99999",
  "1000000000000000.0000000000",
];

for (const number of changed) {
  test(`the number ${number}, which a double would change, is rejected at every entry point`, async () => {
    for (const [name, enter, { type, headers, wrap }] of allEntryPoints) {
      for (const data of [number, `{"a":[{"b":${number}}]}`, `["9", ${number}]`, ` ${number} `]) {
        const message = { headers: { ...headers, "content-type": type }, body: wrap(data) };
        assert.equal((await enter(message)).verdict, "rejected", `${name}: ${data}`);
      }
    }
  });
}

for (const number of kept) {
  test(`the number ${number} is parsed as by JSON.parse, at every entry point`, async () => {
    for (const [name, enter, { type, headers, wrap }] of allEntryPoints) {
      const message = { headers: { ...headers, "content-type": type }, body: wrap(`[${number}]`) };
      const value = JSON.parse(number) + 0; // -0 becomes 0, as in JSON.stringify
      assert.deepEqual((await enter(message)).event?.data, [value], name);
    }
  });
}

test("digits in strings and keys are not numbers, at every entry point", async () => {
  const data = {
    "9007199254740993": "9007199254740993",
    'a": 9007199254740993, "b': '\\": 9007199254740993, [9007199254740993',
    "c\\": ["1e999", ":9007199254740993,", 1e21],
  };
  for (const [name, enter, { type, headers, wrap }] of allEntryPoints) {
    const body = wrap(JSON.stringify(data));
    const { event } = await enter({ headers: { ...headers, "content-type": type }, body });
    assert.deepEqual(event?.data, data, name);
  }
});

test("a number that a double would change is reported by its path, and by JSON pointer over HTTP", async () => {
  const app = createHooksApp(createHooks({ logger: silentLogger }), {
    auth: false,
    logger: silentLogger,
  });
  const rows: readonly (readonly [form: Form, pointer: string])[] = [
    [forms.native!, "/data/a/1/b"],
    [forms.structured!, "/data/a/1/b"],
    [forms.batch!, "/0/data/a/1/b"],
    [forms.binary!, "/data/a/1/b"],
  ];
  for (const [{ type, headers, wrap }, pointer] of rows) {
    const body = wrap('{"x":"}{][,","a":[0,{"y":{},"b":9007199254740993}],"z":[1e999]}');
    const init = { method: "POST", headers: { ...headers, "content-type": type }, body };
    const response = await app.request("/events", init);
    assert.equal(response.status, 422);
    const { errors } = await response.json();
    const detail = "is a number that JSON parsers would change: send it as text";
    const other = pointer.replace("a/1/b", "z/0");
    assert.deepEqual(errors, [{ pointer, detail }, { pointer: other, detail }]);
  }
  assert.throws(() => decodeEvent(forms.native!.wrap('{"a":[9007199254740993]}')), {
    issues: [{
      message: "is a number that JSON parsers would change: send it as text",
      path: ["data", "a", 0],
    }],
  });
});

test("such numbers are ignored in unknown fields, at every entry point", async () => {
  const sequence = "12345678901234567890";
  const native = forms.native!.wrap(DATA, `,"sequence":${sequence},"x":{"data":${sequence}}`);
  const batch = `{"events":[${native}],"x":[0,{"data":${sequence}}]}`;
  const message = { headers: { "content-type": "application/json" }, body: native };
  for (const enter of [post, receive, decode]) {
    assert.equal((await enter(message)).verdict, "accepted");
  }
  assert.equal((await post({ ...message, body: batch })).verdict, "accepted");
});

test("a null session counts as absent, at every entry point", async () => {
  const native = forms.native!.wrap(DATA, ',"session_id":null');
  const structured = forms.structured!.wrap(DATA).replace("{", '{"sessionid":null,');
  for (
    const [name, enter, type, body] of [
      ["POST /events", post, forms.native!.type, native],
      ["webhookReceiver", receive, forms.native!.type, native],
      ["decodeEvent", decode, "", native],
      ["POST /events, structured", post, forms.structured!.type, structured],
      ["webhookReceiver, structured", receive, forms.structured!.type, structured],
    ] as const
  ) {
    const { verdict, event } = await enter({ headers: { "content-type": type }, body });
    assert.equal(verdict, "accepted", name);
    assert.equal("sessionId" in event!, false, name);
  }
});

test("a null id or timestamp counts as absent where it is optional", async () => {
  const body = '{"id":null,"type":"a.b","timestamp":null,"session_id":null,"data":null}';
  for (const enter of [post, receive]) {
    const { verdict, event } = await enter({
      headers: { "content-type": "application/json" },
      body,
    });
    assert.equal(verdict, "accepted");
    assert.equal(event!.data, null);
    assert.ok(Math.abs(event!.timestamp.getTime() - Date.now()) < 60_000);
  }
});

import assert from "node:assert/strict";
import { Terminal } from "../support/terminal.ts";
import { test } from "../support/harness.ts";

const refused: readonly (readonly [args: readonly string[], reason: RegExp])[] = [
  [["listen", "--delay", "1e3s"], /Must be a duration such as/],
  [["listen", "--delay", "-5s"], /Must be a duration such as/],
  [["listen", "--delay", "5"], /Add a unit, as in 5ms or 5s/],
  [["listen", "--delay", "400d"], /Did you mean 9600h\?/],
  [["listen", "--delay", "87601h"], /Must be at most 87600h/],
  [["listen", "--delay", `${"9".repeat(400)}h`], /Must be at most 87600h/],
  [["listen", "--port", "65536"], /from 0 to 65535/],
  [["listen", "--port", "1.5"], /whole number/],
  [["tail", "--limit", "0"], /from 1 to/],
  [["tail", "--limit", "Infinity"], /whole number/],
  [["replay", "--since", "400d"], /Did you mean 9600h\?/],
  [["replay", "--since", "99999999h"], /in the years 0 to 9999/],
  [["replay", "--until", `${"9".repeat(400)}h`], /in the years 0 to 9999/],
];
for (const [args, reason] of refused) {
  test(`hooks ${args.join(" ").slice(0, 60)} is rejected with the reason`, async () => {
    const terminal = new Terminal();
    assert.equal(await terminal.run(...args), 2);
    assert.match(terminal.stderr, reason);
  });
}

test("a duration in hours that isn't a whole number of milliseconds is sent as a time", async () => {
  const bodies: { readonly since: string }[] = [];
  const fetch = (_url: unknown, init?: RequestInit): Promise<Response> => {
    if (init?.body) bodies.push(JSON.parse(String(init.body)));
    return Promise.resolve(Response.json({ replayed: 1, refused: 0 }));
  };
  const terminal = new Terminal({
    fetch: fetch as typeof globalThis.fetch,
    now: () => 252_360_000,
  });
  assert.equal(await terminal.run("replay", "--since", "70.1h"), 0);
  assert.equal(bodies[0]!.since, "1970-01-01T00:00:00.000Z");
});

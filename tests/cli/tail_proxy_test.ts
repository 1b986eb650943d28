import assert from "node:assert/strict";
import { connect, createServer, type Server, type Socket } from "node:net";
import { memoryStore } from "@omniagent/hooks/testing";
import { test } from "../support/harness.ts";
import { until } from "../support/until.ts";
import { ask, serving, TOKEN } from "../support/serving.ts";
import { Terminal } from "../support/terminal.ts";

/** A TCP proxy whose connections can be silent, cut off, or slow. */
class Wire {
  mode: "pass" | "silent" = "pass";
  /** The size of the parts that bytes are forwarded in. */
  part = Infinity;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(target: () => number) {
    this.#server = createServer((client) => {
      const upstream = connect({ port: target(), host: "127.0.0.1" });
      for (const [from, to] of [[client, upstream], [upstream, client]] as const) {
        this.#sockets.add(from);
        from.on("data", (bytes: Uint8Array) => {
          if (this.mode === "silent") return;
          for (let at = 0; at < bytes.length; at += this.part) {
            to.write(bytes.subarray(at, Math.min(at + this.part, bytes.length)));
          }
        });
        from.on("end", () => this.mode === "silent" || to.end());
        from.on("error", () => to.destroy());
        from.on("close", () => this.mode === "silent" || to.destroy());
      }
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/** A clock for tests: pauses end immediately, silence timeouts by `end`. */
class Silences {
  readonly limits: number[] = [];
  readonly #open = new Set<() => void>();
  readonly sleep = (ms: number, signal?: AbortSignal): Promise<void> => {
    if (ms < 5_000) return new Promise((resolve) => setTimeout(resolve, 1));
    this.limits.push(ms);
    return new Promise((resolve) => {
      this.#open.add(resolve);
      signal?.addEventListener("abort", () => {
        this.#open.delete(resolve);
        resolve();
      });
    });
  };

  /** Ends all silence timeouts. */
  async end(): Promise<void> {
    await until(() => this.#open.size > 0);
    for (const resolve of [...this.#open]) resolve();
  }
}

async function following(
  use: (
    context: {
      tail: Terminal;
      proxy: Wire;
      silences: Silences;
      send: (type: string) => Promise<void>;
    },
  ) => Promise<void>,
): Promise<Terminal> {
  const silences = new Silences();
  let tail!: Terminal;
  await serving({}, async (_, url) => {
    const proxy = new Wire(() => Number(new URL(url).port));
    tail = new Terminal({
      sleep: silences.sleep,
      environment: { HOOKS_URL: await proxy.listen(), HOOKS_TOKEN: TOKEN },
    });
    const running = tail.run("tail");
    try {
      await tail.match(/following/);
      await use({
        tail,
        proxy,
        silences,
        send: async (type) => assert.equal((await ask(url, ["send", type])).code, 0),
      });
    } finally {
      tail.signal("SIGINT");
      assert.equal(await running, 0);
      await proxy.close();
    }
  });
  return tail;
}

const typesOf = (tail: Terminal): string[] =>
  [...tail.stdout.matchAll(/^\S+ (\S+)/gm)].map(([, type]) => type!);

test("hooks tail treats the silence of three heartbeats as a lost connection, and misses nothing", async () => {
  const tail = await following(async ({ tail, proxy, silences, send }) => {
    await send("a.one");
    await tail.match(/a\.one/);
    proxy.mode = "silent";
    await send("a.gap");
    await silences.end();
    await tail.match(/connection lost: no data for \d+ s; reconnecting\n/);
    proxy.mode = "pass";
    proxy.cut(); // connections opened meanwhile
    await tail.match(/a\.gap/);
    await send("a.two");
    await tail.match(/a\.two/);
    const [first] = silences.limits;
    assert.equal(first, 45_000); // before the server has announced its heartbeat
    assert.ok(silences.limits.slice(1).every((limit) => limit % 5_000 === 0));
  });
  assert.deepEqual(typesOf(tail), ["a.one", "a.gap", "a.two"]);
});

test("hooks tail of an empty store resumes where it started when cut off before the first event", async () => {
  const tail = await following(async ({ tail, proxy, send }) => {
    proxy.cut();
    await send("a.gap");
    await tail.match(/reconnected\n/);
    await tail.match(/a\.gap/);
    await send("a.two");
    await tail.match(/a\.two/);
  });
  assert.deepEqual(typesOf(tail), ["a.gap", "a.two"]);
});

test("hooks tail prints each event once, however often it is cut off and however slow it is", async () => {
  const sent = Array.from({ length: 12 }, (_, index) => `n.e${index}`);
  const tail = await following(async ({ tail, proxy, send }) => {
    proxy.part = 7;
    for (const [index, type] of sent.entries()) {
      await send(type);
      if (index % 3 === 0) proxy.cut();
      if (index % 4 === 0) await tail.match(new RegExp(`${type} `));
    }
    await tail.match(/n\.e11 /);
  });
  assert.deepEqual(typesOf(tail), sent);
  assert.equal(
    tail.stderr.match(/; reconnecting/g)?.length,
    tail.stderr.match(/^reconnected$/gm)?.length,
  );
});

test("hooks tail interrupted while it reconnects exits with 0", async () => {
  const silences = new Silences();
  await serving({}, async (_, url) => {
    const proxy = new Wire(() => Number(new URL(url).port));
    const environment = { HOOKS_URL: await proxy.listen(), HOOKS_TOKEN: TOKEN };
    const tail = new Terminal({ sleep: silences.sleep, environment });
    const running = tail.run("tail");
    await tail.match(/following/);
    proxy.mode = "silent";
    await silences.end();
    await tail.match(/; reconnecting\n/);
    tail.signal("SIGINT");
    assert.equal(await running, 0);
    await proxy.close();
  });
});

test("hooks tail continues when its server restarts, and misses nothing", async () => {
  const store = memoryStore();
  // Shared by several servers, which close it.
  const kept = new Proxy(store, {
    get: (target, name) => {
      if (name === "close") return () => {};
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  let port = 0;
  const proxy = new Wire(() => port);
  const tail = new Terminal({
    sleep: new Silences().sleep,
    environment: { HOOKS_URL: await proxy.listen(), HOOKS_TOKEN: TOKEN },
  });
  let running: Promise<number> | undefined;
  for (const type of ["a.one", "a.two", "a.three"]) {
    await serving({ openStore: () => Promise.resolve(kept) }, async (_, url) => {
      port = Number(new URL(url).port);
      running ??= tail.run("tail");
      await tail.match(/following/);
      await ask(url, ["send", type]);
      if (type !== "a.two") await tail.match(new RegExp(type.replace(".", "\\.")));
    });
  }
  tail.signal("SIGINT");
  assert.equal(await running, 0);
  await proxy.close();
  store.close();
  assert.deepEqual(typesOf(tail), ["a.one", "a.two", "a.three"]);
});

import assert from "node:assert/strict";
import { createHooks } from "../../src/core/mod.ts";
import { StoreError } from "../../src/store/mod.ts";
import { createHooksApp } from "../../src/hono/mod.ts";
import { openStore as openOnDeno } from "../../src/stores/kv/mod.ts";
import { openStore as openByNpm } from "../../src/stores/node/mod.ts";
import { openStore as openSqlite } from "../../src/stores/sqlite/mod.ts";
import { createOutbox } from "../../src/outbox/mod.ts";
import { inFolder } from "../support/folder.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

const stores = {
  "./sqlite": openSqlite,
  "Deno.openKv": openOnDeno,
  "@deno/kv": openByNpm,
};

for (const [name, openStore] of Object.entries(stores)) {
  test(`on a full disk, events and /ready fail immediately, and recover: ${name}`, async () => {
    await onSmallDisk(async (folder) => {
      const store = await openStore(`${folder}/hooks.db`);
      const hooks = createHooks({
        outbox: createOutbox(store, { logger: silentLogger }),
        logger: silentLogger,
      });
      const app = createHooksApp(hooks, { auth: false, logger: silentLogger });
      const post = async (text: string): Promise<Response> =>
        await app.request("/events", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ type: "tool.called", data: { name: "bash", params: { text } } }),
        });
      try {
        assert.equal((await post("x")).status, 202);
        const ballast = `${folder}/ballast`;
        await Deno.writeFile(ballast, new Uint8Array(256 * 1024));
        let response: Response;
        do response = await post("x".repeat(30_000)); while (response.status === 202);
        assert.equal(response.status, 503);
        assert.equal((await response.json()).stored, false);
        const started = performance.now();
        assert.equal((await post("x".repeat(30_000))).status, 503);
        const ready = await app.request("/ready");
        assert.ok(performance.now() - started < 10_000);
        assert.equal(ready.status, 503);
        assert.match((await ready.json()).detail, /its disk is full/);

        await Deno.remove(ballast);
        await new Promise((resolve) => setTimeout(resolve, 1_100)); // a probe a second, by a real clock
        assert.equal((await app.request("/ready")).status, 200);
        assert.equal((await post("x".repeat(30_000))).status, 202);
      } finally {
        await hooks.close();
        store.close();
      }
    });
  });

  test(`a store that can't be opened says why: ${name}`, async () => {
    await inFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/text.db`, "no database ".repeat(1000));
      await Deno.mkdir(`${folder}/folder.db`);
      for (
        const [path, failure] of [
          [`${folder}/none/hooks.db`, "cannot_open"],
          [`${folder}/folder.db`, "cannot_open"],
          [`${folder}/text.db`, "corrupt"],
        ] as const
      ) {
        await assert.rejects(openStore(path), (error: StoreError) => {
          assert.ok(error instanceof StoreError, `${error}`);
          assert.equal(error.failure, failure, error.message);
          return true;
        });
      }
      await assert.rejects(openStore("postgres://me:hunter2@db.example/app"), {
        name: "TypeError",
        message: name === "./sqlite"
          ? "Cannot open store: 'path' must be a file, not a URL"
          : "Cannot open the store: 'postgres:' is not supported. Pass a file path (./ before a name with " +
            'a colon), ":memory:", or the http(s) URL of a KV Connect server',
      });
    });
  });
}

/** Runs on a disk of 1 MB of its own; where no disk can be mounted, it says so and does nothing. */
async function onSmallDisk(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const mount = new Deno.Command("mount", {
    args: ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder],
    stdout: "null",
    stderr: "null",
  });
  const isMounted = await mount.output().then(({ success }) => success, () => false);
  try {
    if (isMounted) await run(folder);
    else console.log("left out, as no disk can be mounted: it takes root on Linux");
  } finally {
    if (isMounted) await new Deno.Command("umount", { args: [folder] }).output();
    await Deno.remove(folder);
  }
}

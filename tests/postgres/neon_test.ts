/**
 * `PostgresStore` through `neon()` of `@neondatabase/serverless`, whose HTTP requests PGlite serves in the
 * place of Neon's proxy.
 * @module
 */
import { PGlite } from "@electric-sql/pglite";
import { neon, neonConfig } from "@neondatabase/serverless";
import assert from "node:assert/strict";
import { PostgresStore } from "@omniagent/hooks/postgres";
import { testStore } from "@omniagent/hooks/testing";
import { test } from "../support/harness.ts";

const database = new PGlite();

/** One query a request, with texts in arrays. */
neonConfig.fetchFunction = async (_url: string, init: RequestInit): Promise<Response> => {
  const { query, params } = JSON.parse(String(init.body));
  try {
    const { rows, fields } = await database.query(query, params, { rowMode: "array" });
    return Response.json({ command: "SELECT", rowCount: rows.length, fields, rows });
  } catch (error) {
    const { message, code } = error as { readonly message: string; readonly code?: string };
    return Response.json({ message, code }, { status: 400 });
  }
};

const URL = "postgres://hooks:secret@ep-none.neon.tech/app";
const clients = {
  "neon()": neon(URL),
  "neon() with full results": neon(URL, { fullResults: true }),
};

for (const [name, client] of Object.entries(clients)) {
  await new PostgresStore(client).migrate();
  testStore(
    async () => {
      await database.exec("truncate hooks.entries, hooks.sums");
      return new PostgresStore(client);
    },
    (sentence, run) => test(`PostgresStore through ${name}: ${sentence}`, run),
  );
}

test("PostgresStore through neon(): errors of the server are typed, and there is no session", async () => {
  const store = new PostgresStore(neon(URL), { schema: "none" });
  await assert.rejects(store.get(["a"]), { name: "StoreError", failure: "cannot_open" });
  let calls = 0;
  const stop = store.wake.listen(() => calls++);
  store.wake.signal();
  await new Promise((resolve) => setTimeout(resolve, 20));
  stop();
  store.close();
  assert.equal(calls, 0);
});

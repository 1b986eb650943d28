/// <reference lib="deno.unstable" />
/**
 * A process of `burst_test.ts`: emits as fast as it is let to eight webhooks, and says what it sent, a line
 * for each delivery. Its arguments: the database file, and how many events.
 * @module
 */
import { createHooks, WebhookHook } from "@omniagent/hooks";
import { KvStore } from "@omniagent/hooks/kv";
import { createOutbox } from "@omniagent/hooks/outbox";

const WEBHOOKS = 8;
const CALLERS = 32;
/** How often it looks whether anything is pending, in milliseconds. */
const LOOK = 200;
/** How long it waits for a file that is locked, in milliseconds. */
const TIMEOUT = 60_000;

const [file, count] = Deno.args;
// What every Deno KV takes, and a file of Deno takes ten times as much.
const store = new KvStore(await openKv(), { ownsKv: true, limits: { checks: 10 } });
const outbox = createOutbox(store);
const sent: string[] = [];
const hooks = createHooks({ outbox });
for (let n = 0; n < WEBHOOKS; n++) {
  hooks.use(
    new WebhookHook({
      name: `w${n}`,
      events: ["*"],
      url: "https://example.com/",
      fetch: (_, init) => {
        sent.push(`w${n} ${new Headers(init?.headers).get("webhook-id")}`);
        return Promise.resolve(new Response(null, { status: 204 }));
      },
    }),
  );
}

let left = Number(count);
const call = async (): Promise<void> => {
  while (left-- > 0) await hooks.emit("tool.called", { name: "bash" });
};
await Promise.all(Array.from({ length: CALLERS }, call));
const pending = async (): Promise<number> =>
  (await outbox.stats()).reduce((sum, { pending }) => sum + pending, 0);
while (await pending() > 0) await new Promise((resolve) => setTimeout(resolve, LOOK));
await hooks.close();
store.close();
console.log(sent.join("\n"));

/** Opens the file, which SQLite refuses while the other process creates it or writes to it. */
async function openKv(): Promise<Deno.Kv> {
  for (const start = Date.now();; await new Promise((resolve) => setTimeout(resolve, LOOK))) {
    try {
      return await Deno.openKv(file!);
    } catch (error) {
      const locked = error instanceof Error && error.message.includes("is locked");
      if (!locked || Date.now() - start > TIMEOUT) throw error;
    }
  }
}

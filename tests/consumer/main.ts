/**
 * A program of someone else. `deno task test:consumer` type-checks it against the packed package,
 * so that the declarations are seen to say something: each `@ts-expect-error` is a mistake that
 * they have to catch.
 * @module
 */
import {
  type AgentEvents,
  createHooks,
  defineHook,
  DispatchError,
  type Emitter,
  encodeEvent,
  type Hook,
  type HookEvent,
  type Hooks,
  type Registration,
} from "@omniagent/hooks";
import type { Store } from "@omniagent/hooks/store";
import { ConfigError, type HooksConfig, hooksFromConfig } from "@omniagent/hooks/config";
import { loadConfig } from "@omniagent/hooks/config/yaml";
import { type KvLike, KvStore } from "@omniagent/hooks/kv";
import { openStore } from "@omniagent/hooks/node";
import * as testing from "@omniagent/hooks/testing";
import * as webhook from "@omniagent/hooks/webhook";

type Events = AgentEvents & { "order.paid": { readonly total: number } };

/** A hook as a class. */
class Ledger implements Hook {
  readonly name = "ledger";
  readonly events = ["tool.*"];
  #store: Store | undefined;

  setStorage(store: Store): void {
    this.#store = store;
  }

  async handle(event: HookEvent): Promise<void> {
    await this.#store?.set([event.id], event.data);
  }
}

const audit = defineHook({
  name: "audit",
  events: ["tool.*", "message.received"],
  handle: (event, context) => {
    const type: "tool.called" | "tool.completed" | "tool.denied" | "message.received" = event.type;
    context.logger.info(type, encodeEvent(event).length);
  },
});

const hooks: Hooks<Events> = createHooks<Events>({
  use: [audit, new Ledger()],
});

const registration: Registration = hooks.on("order.paid", (event) => {
  const total: number = event.data.total;
  // @ts-expect-error: the payload has no such field
  return void [total, event.data.currency];
});
registration[Symbol.dispose]();

// @ts-expect-error: no event has this type
hooks.on("order.lost", () => {});

/** A function that only emits takes an `Emitter`. */
async function pay(emitter: Emitter<Events>): Promise<void> {
  const { id, handlers } = await emitter.emit("order.paid", { total: 5 }, {
    sessionId: "s-1",
  });
  console.log(id, handlers.map(({ name, ok }) => `${name} ${ok}`));
  // @ts-expect-error: the total is a number
  await emitter.emit("order.paid", { total: "5" });
}

await pay(hooks).catch((error: unknown) => {
  if (error instanceof DispatchError) {
    console.log(error.failures.length, error.receipt.id);
  }
});
await hooks.close();

const configured: HooksConfig = loadConfig("server: { port: 8787 }", {
  env: (name) => (name === "PORT" ? "8787" : undefined),
});
const port: number | undefined = configured.server.port;
createHooks<Events>({ use: hooksFromConfig(configured) });
try {
  // @ts-expect-error: variables have to be given
  loadConfig("{}", {});
} catch (error) {
  if (error instanceof ConfigError) {
    console.log(error.issues[0]?.line, error.report({ color: true }));
  }
}

const store: Store = await openStore(":memory:", { accessToken: "token" });
const wrapped = (kv: KvLike): Store => new KvStore(kv, { limits: { checks: 100 }, ownsKv: true });
// @ts-expect-error: the path has to be given
await openStore();
// @ts-expect-error: sums have no lifetime
await store.atomic().sum(["n"], 1n, { expireIn: 5 }).commit();
store.close();

console.log(port, wrapped, Object.keys(testing), Object.keys(webhook));

import { type AgentEvents, createHooks, defineHook } from "@omniagent/hooks";

type Events = AgentEvents & { "order.paid": { total: number } };

let calls = 0;
const meter = defineHook({
  name: "meter",
  events: ["tool.*"],
  handle: (event) => {
    if (event.type === "tool.called") calls++;
  },
  close: () => console.log(`${calls} tool calls`),
});

const hooks = createHooks<Events>({ use: [meter] });
hooks.on("message.received", (event) => console.log(`user: ${event.data.content}`));
hooks.on("order.paid", (event) => console.log(`${event.sessionId} paid ${event.data.total}`));

const session = { sessionId: "s-1" };
await hooks.emit("message.received", { role: "user", content: "Pay my order" }, session);
await hooks.emit("tool.called", { name: "pay", params: { order: 17 } }, session);
await hooks.emit("tool.completed", { name: "pay", result: "paid" }, session);
await hooks.emit("order.paid", { total: 5 }, session);
await hooks.close();

import { createHooks } from "@omniagent/hooks";

const hooks = createHooks();
hooks.on("tool.*", (event) => console.log(event.type, event.data.name));
await hooks.emit("tool.called", { name: "bash", params: { command: "ls" } });

/**
 * Runs the example agent with a scripted conversation and prints every event, on Deno, Bun, and Node.js.
 *
 *     deno run --allow-read examples/talk.ts
 * @module
 */
import { withNamedHook } from "@omniagent/hooks";
import { Agent } from "./agent.ts";
import { Conversation } from "./conversation.ts";
import { createTools, jobs } from "./tools.ts";

const conversation = await Conversation.read();
const { model, now } = conversation;
const print = withNamedHook("*", "print", ({ type, data }) => console.log(type, data));
const agent = new Agent({ model, now, tools: createTools(), jobs, hooks: [print] });
await conversation.play(agent, (text) => console.log(`\n${text}`));
await agent.close();

import { contentText } from "../content.ts";
import type { Message } from "./messages.ts";

/** A `Command` of LangGraph. It updates the state with an object, or with a list of names and values. */
type Command = {
  readonly lg_name: "Command";
  readonly update?: Readonly<Record<string, unknown>> | readonly (readonly [string, unknown])[];
};

/** Whether a tool returned a command in place of a message. */
export function isCommand(result: object): result is Command {
  return "lg_name" in result && result.lg_name === "Command";
}

/** Returns the part of a command that gates judge: the text of its messages or, if it changes more, all changes. */
export function viewOfCommand({ update = {} }: Command): unknown {
  const changes = Array.isArray(update) ? update : Object.entries(update);
  const texts = changes.flatMap(([name, value]) =>
    name === "messages" ? [value].flat().map(textOf) : [undefined]
  );
  if (texts.every((text) => text !== undefined)) return texts.join("\n");
  try {
    return JSON.parse(JSON.stringify(update));
  } catch {
    return update; // has no JSON form, so gates can't let it through
  }
}

/** Returns the text of a message; undefined if the message has anything else. */
function textOf(message: Message | string | null): string | undefined {
  if (typeof message === "string") return message;
  const { content, tool_calls = [] } = message ?? { content: undefined };
  const isText = typeof content === "string" ||
    Array.isArray(content) && content.every((part) => typeof part === "string" || isTextPart(part));
  return isText && tool_calls.length === 0 ? contentText(content) : undefined;
}

function isTextPart(part: object): boolean {
  return Object.keys(part).every((key) => key === "type" || key === "text");
}

/**
 * Messages in the conversation of an agent, where the model reads them.
 * @module
 */
import { DENIED_MESSAGE } from "../content.ts";
import type { Agent, Message, StrandsSdk } from "./sdk.ts";

/** Replaces the text of a message. Returns whether the conversation still had it. */
export function rewriteMessage(
  { Message, TextBlock }: StrandsSdk,
  { messages }: Agent,
  { message, text }: { readonly message: Message; readonly text: string },
): boolean {
  const at = messages.indexOf(message);
  if (at === -1) return false;
  const others = message.content.filter(({ type }) => type !== "textBlock");
  messages[at] = new Message({ ...message, content: [new TextBlock(text), ...others] });
  return true;
}

/** Removes a message that a gate denied. Only results of tools remain, which models expect after calls. */
export function removeMessage(
  { Message, TextBlock }: StrandsSdk,
  { messages }: Agent,
  message: Tracked,
): void {
  const at = placeOf(message, messages as Tracked[]);
  if (at === -1) return;
  const { role, content, trackingId } = messages[at] as Tracked;
  const results = content.filter(({ type }) => type === "toolResultBlock");
  const rest = [...results, new TextBlock(DENIED_MESSAGE)];
  messages[at] = new Message({ role, content: rest, trackingId });
}

type Tracked = Message & { readonly trackingId?: string };

/** Returns where a message is. Another hook may have put a copy in its place. */
function placeOf(message: Tracked, messages: readonly Tracked[]): number {
  const at = messages.findLastIndex((one) =>
    one === message || (one.trackingId !== undefined && one.trackingId === message.trackingId)
  );
  const last = messages.length - 1;
  return at === -1 && messages[last]?.role === "user" ? last : at;
}

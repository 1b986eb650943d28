import type { HookEvent } from "../core/mod.ts";
import { cut, printable, type Style } from "./style.ts";

/** The least that is shown of a payload, in characters. */
const LEAST_DATA = 20;

/** An event on one line: when, what, in which session, and the payload as far as there is room. */
export function eventLine(event: HookEvent, style: Style, columns?: number): string {
  const time = event.timestamp.toISOString().slice(11, 23);
  const session = event.sessionId === undefined ? "" : ` ${printable(event.sessionId)}`;
  const used = time.length + event.type.length + session.length + 2;
  const room = columns === undefined ? undefined : Math.max(columns - used, LEAST_DATA);
  const data = cut(printable(JSON.stringify(event.data)), room);
  return `${style.dim(time)} ${style.bold(event.type)}${style.cyan(session)} ${data}`;
}

import type { HookEvent } from "../core/mod.ts";
import { timeText } from "./delivery_text.ts";
import { cut, printable, type Style, widthOf } from "./style.ts";

/** An event that is older than this when it arrives shows its own time, too, in milliseconds. */
const OLD = 60_000;

/** How an event is shown. */
export type EventTextOptions = {
  /** When it arrived. */
  readonly arrival: Date;
  readonly style: Style;
  /** The width of the terminal; undefined: nothing is cut, and it is one line. */
  readonly columns?: number | undefined;
  /** What comes before the time: a status, without escape codes and painted. */
  readonly mark?: { readonly plain: string; readonly painted: string };
};

/**
 * An event: when it arrived, what, its id, its session, and the payload. On a terminal that is too
 * narrow for one line, the payload gets a second one, cut to the width.
 */
export function eventText(event: HookEvent, options: EventTextOptions): string {
  const { arrival, style, columns, mark } = options;
  const type = printable(event.type);
  const id = printable(event.id);
  const session = event.sessionId === undefined ? "" : printable(event.sessionId);
  const age = arrival.getTime() - event.timestamp.getTime();
  const old = age >= OLD ? `(of ${timeText(event.timestamp.toISOString())})` : "";
  const data = printable(JSON.stringify(event.data) ?? "");
  const plain = [mark?.plain, clockText(arrival), type, id, session, old];
  const painted = [
    mark?.painted,
    style.dim(clockText(arrival)),
    style.bold(type),
    style.dim(id),
    session && style.cyan(session),
    old && style.dim(old),
  ];
  const head = joined(painted);
  if (columns === undefined) return `${head} ${data}`;
  const room = columns - widthOf(joined(plain)) - 1;
  return widthOf(data) <= room ? `${head} ${data}` : `${head}\n  ${cut(data, columns - 2)}`;
}

/** A time of today, in UTC: `12:00:00.000`. */
export function clockText(time: Date): string {
  return time.toISOString().slice(11, 23);
}

function joined(parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part).join(" ");
}

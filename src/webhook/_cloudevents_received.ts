import { parseTime } from "../core/event_rules.ts";
import type { Attributes } from "./_cloudevents_attributes.ts";
import { type RawData, readData } from "./_cloudevents_data.ts";
import type { Faults } from "./_cloudevents_faults.ts";

/** What a received CloudEvent says in the terms of an event. It has no id of ours yet. */
export interface ReceivedCloudEventBody {
  /** Its type, which is also a type of ours. */
  readonly type: string;
  /** When it happened; absent if the sender did not say. Digits beyond milliseconds are dropped. */
  readonly timestamp?: Date;
  /** The extension `sessionid`; absent when there is none. */
  readonly sessionId?: string;
  /** The payload: JSON, or a string if the data was text or XML; null if there was none. */
  readonly data: unknown;
}

/** A CloudEvent that came in. */
export interface ReceivedCloudEvent {
  /** Where it comes from, a URI-reference. */
  readonly source: string;
  /** Its id, which is unique for its source alone. */
  readonly id: string;
  /** What it says. */
  readonly event: ReceivedCloudEventBody;
  /**
   * Its other attributes: `subject`, `dataschema`, `datacontenttype` and the extensions. In binary
   * mode all values are strings.
   */
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

/** The attributes that have a place of their own in what is returned. */
const MAPPED: ReadonlySet<string> = /* @__PURE__ */ new Set([
  "specversion",
  "id",
  "source",
  "type",
  "time",
  "sessionid",
]);

/** What attributes and data say. Worth something only if there are no faults. */
export function toReceived(
  attributes: Attributes,
  data: RawData | undefined,
  faults: Faults,
): ReceivedCloudEvent {
  const timestamp = parseTime(attributes.get("time"));
  const session = attributes.get("sessionid") ?? "";
  const sessionId = typeof session === "object" ? "" : String(session); // an object is a fault already
  const others = [...attributes].filter(([name]) => !MAPPED.has(name));
  return {
    source: attributes.get("source") as string,
    id: attributes.get("id") as string,
    event: {
      type: attributes.get("type") as string,
      ...(timestamp ? { timestamp } : {}),
      ...(sessionId ? { sessionId } : {}),
      data: readData(data, attributes.get("datacontenttype"), faults),
    },
    attributes: Object.fromEntries(others) as ReceivedCloudEvent["attributes"],
  };
}

export {
  type CloudEventBatchOptions,
  type CloudEventMessage,
  type CloudEventOptions,
  CLOUDEVENTS_SOURCE,
  encodeCloudEvent,
  encodeCloudEventBatch,
} from "./_cloudevents_encode.ts";
export {
  cloudEventIdempotencyKey,
  type CloudEventsMode,
  cloudEventsModeOf,
  decodeCloudEvents,
} from "./_cloudevents_decode.ts";
export type { ReceivedCloudEvent, ReceivedCloudEventBody } from "./_cloudevents_received.ts";

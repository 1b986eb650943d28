/**
 * CloudEvents 1.0.2 over HTTP. An entry of this folder: the HTTP app receives them too.
 *
 * @module
 */
export {
  type CloudEventBatchOptions,
  type CloudEventMessage,
  type CloudEventOptions,
  CLOUDEVENTS_SOURCE,
  encodeCloudEvent,
  encodeCloudEventBatch,
} from "./encode.ts";
export {
  cloudEventIdempotencyKey,
  type CloudEventsMode,
  cloudEventsModeOf,
  decodeCloudEvents,
  type ReceivedCloudEvent,
  type ReceivedCloudEventBody,
} from "./decode.ts";

/**
 * An outbox that keeps everything in memory: what it has not delivered dies with the process. The demo
 * must find out.
 * @module
 */
import { createOutbox as createSoundOutbox } from "../../src/outbox/mod.ts";
import { memoryStore } from "../../src/testing/mod.ts";

export { drainOnSignal } from "../../src/outbox/mod.ts";

export function createOutbox(): ReturnType<typeof createSoundOutbox> {
  return createSoundOutbox(memoryStore());
}

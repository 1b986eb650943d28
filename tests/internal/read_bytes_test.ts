import assert from "node:assert/strict";
import { readBytes } from "../../src/internal/bytes.ts";
import { test } from "../support/harness.ts";

/** A body that sends parts, and then waits for ever unless it ends. */
function bodyOf(parts: readonly string[], ends: boolean, stats = { cancelled: false }) {
  const left = parts.map((part) => new TextEncoder().encode(part));
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const part = left.shift();
      if (part !== undefined) controller.enqueue(part);
      else if (ends) controller.close();
      else return new Promise(() => {});
      return undefined;
    },
    cancel: () => void (stats.cancelled = true),
  }, { highWaterMark: 0 });
}

const text = (bytes: unknown): string => new TextDecoder().decode(bytes as Uint8Array);

test("readBytes() joins the parts of a body, whatever their sizes", async () => {
  for (
    const parts of [[], ["abc"], ["a", "", "bc"], Array(1000).fill("xyz"), ["a", "b".repeat(5000)]]
  ) {
    const whole = parts.join("");
    const limits = { maxBytes: whole.length, timeout: 10_000 };
    assert.equal(text(await readBytes(bodyOf(parts, true), limits)), whole);
  }
  assert.deepEqual(await readBytes(null, { maxBytes: 1, timeout: 1 }), new Uint8Array());
});

test("readBytes() rejects a body that is too large, and one that does not arrive in time", async () => {
  for (
    const [maxBytes, timeout, result] of [[3, 10_000, "too_large"], [10, 20, "too_slow"]] as const
  ) {
    const stats = { cancelled: false };
    assert.equal(
      await readBytes(bodyOf(["ab", "cd"], false, stats), { maxBytes, timeout }),
      result,
    );
    assert.equal(stats.cancelled, true);
  }
});

test("readBytes() with 'idle' rejects only a body that stalls", async () => {
  let sent = 0;
  const steady = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (sent++ < 10) controller.enqueue(new Uint8Array(1));
      else controller.close();
    },
  }, { highWaterMark: 0 });
  const limits = { maxBytes: 100, timeout: 150, idle: true };
  assert.equal((await readBytes(steady, limits)).length, 10);
  assert.equal(await readBytes(bodyOf(["a"], false), limits), "too_slow");
});

test("readBytes() rejects when the body breaks off", async () => {
  const broken = new ReadableStream<Uint8Array>({
    pull: () => Promise.reject(new Error("the connection was lost")),
  });
  await assert.rejects(readBytes(broken, { maxBytes: 1, timeout: 1000 }), /connection was lost/);
});

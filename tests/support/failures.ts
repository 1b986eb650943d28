import assert from "node:assert/strict";

/** What a promise rejects with, of the class that is expected. */
export async function rejection<E extends Error>(
  promise: Promise<unknown>,
  expected: abstract new (...args: never[]) => E,
): Promise<E> {
  const outcome = await promise.then(() => undefined, (reason: unknown) => ({ reason }));
  assert.ok(outcome, `${expected.name} was expected, but the promise resolved`);
  assert.ok(outcome.reason instanceof expected, `not a ${expected.name}: ${show(outcome.reason)}`);
  return outcome.reason;
}

/** What a function throws, of the class that is expected. */
export function thrown<E extends Error>(
  action: () => unknown,
  expected: abstract new (...args: never[]) => E,
): E {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof expected, `not a ${expected.name}: ${show(error)}`);
    return error;
  }
  assert.fail(`${expected.name} was expected, but nothing was thrown`);
}

function show(value: unknown): string {
  try {
    return String(value);
  } catch {
    return "what can't be shown";
  }
}

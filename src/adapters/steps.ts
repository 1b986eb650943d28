import type { Within } from "./options.ts";

/** Yields and returns what a generator does, each of whose steps runs in a span. */
export async function* stepsWithin<Value, Result>(
  within: Within,
  steps: AsyncGenerator<Value, Result, undefined>,
): AsyncGenerator<Value, Result, undefined> {
  const next = (): Promise<IteratorResult<Value, Result>> => within(() => steps.next());
  let isLeft = true; // until the generator ends: the reader may stop in the middle
  try {
    let step = await next();
    for (; !step.done; step = await next()) yield step.value;
    isLeft = false;
    return step.value;
  } finally {
    if (isLeft) await steps.return(undefined as never);
  }
}

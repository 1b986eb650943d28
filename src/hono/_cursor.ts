import { Problem, problemOf } from "./_problems.ts";

/** Goes on at a cursor, if there is one. One that is none of ours is the asker's fault. */
export async function goOn<Result>(
  cursor: unknown,
  pointer: string,
  action: () => Promise<Result>,
): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    const isArgument = error instanceof TypeError || error instanceof RangeError;
    if (!isArgument || cursor === undefined || problemOf(error) !== undefined) throw error;
    throw Problem.invalid([{ pointer, detail: "must be next_cursor of an earlier response" }]);
  }
}

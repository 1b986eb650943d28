import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Runs with a temporary folder, which is removed afterwards. */
export async function inFolder<Result>(
  body: (folder: string) => Promise<Result>,
): Promise<Result> {
  const { folder, remove } = await makeFolder();
  try {
    return await body(folder);
  } finally {
    await remove();
  }
}

/** Makes a temporary folder, for what ends with more than one function. */
export async function makeFolder(): Promise<
  { readonly folder: string; remove(): Promise<void> }
> {
  const folder = await mkdtemp(join(tmpdir(), "hooks-"));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/**
 * What the rows with a million waiting deliveries share.
 * @module
 */
import { fileURLToPath } from "node:url";
import type { Workshop } from "../workshop.ts";

/** Waiting deliveries of a store that is full, and of the one that it is compared with. */
export const MANY = 1_000_000;
export const FEW = 1_000;

/** Runs an action of `../waiting/program.ts` in a fresh process. Resolves to what it found. */
export type Run = (action: string, ...args: string[]) => Promise<unknown>;

const programs = new WeakMap<Workshop, Promise<Run>>();

/** Bundles the program, once. */
export function waitingProgram(workshop: Workshop): Promise<Run> {
  const known = programs.get(workshop) ?? makeProgram(workshop);
  programs.set(workshop, known);
  return known;
}

async function makeProgram(workshop: Workshop): Promise<Run> {
  const entry = fileURLToPath(new URL("../waiting/program.ts", import.meta.url));
  const program = await workshop.write("waiting.mjs", await workshop.bundle(entry));
  return async (...args) => JSON.parse(await workshop.run("deno", program, ...args));
}

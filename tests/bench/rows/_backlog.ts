/**
 * What the rows with a million waiting deliveries share.
 * @module
 */
import { fileURLToPath } from "node:url";
import type { Fixture } from "../fixture.ts";

/** Waiting deliveries of a store that is full, and of the one that it is compared with. */
export const MANY = 1_000_000;
export const FEW = 1_000;

/** Runs an action of `../backlog/program.ts` in a fresh process. Resolves to what it found. */
export type Run = (action: string, ...args: string[]) => Promise<unknown>;

const programs = new WeakMap<Fixture, Promise<Run>>();

/** Bundles the program, once. */
export function backlogProgram(fixture: Fixture): Promise<Run> {
  const known = programs.get(fixture) ?? makeProgram(fixture);
  programs.set(fixture, known);
  return known;
}

async function makeProgram(fixture: Fixture): Promise<Run> {
  const entry = fileURLToPath(new URL("../backlog/program.ts", import.meta.url));
  const program = await fixture.write("backlog.mjs", await fixture.bundle(entry));
  return async (...args) => JSON.parse(await fixture.run("deno", program, ...args));
}

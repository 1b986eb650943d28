import os from "node:os";
import { type Runtime, RUNTIMES, versionOf } from "./runtimes.ts";

/** What has to be known to compare two tables. */
export interface Machine {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  /** Processes that wanted a core in the last minute, before the first row: more than 0 is noise. */
  readonly load: number;
  /** Versions of the runtimes that are there. */
  readonly runtimes: Partial<Record<Runtime, string>>;
}

/** Looks around. */
export async function describeMachine(): Promise<Machine> {
  const runtimes: Partial<Record<Runtime, string>> = {};
  for (const runtime of RUNTIMES) {
    const version = await versionOf(runtime);
    if (version !== undefined) runtimes[runtime] = version;
  }
  return {
    date: new Date().toISOString(),
    cpu: os.cpus()[0]?.model ?? "unknown",
    cores: os.cpus().length,
    load: os.loadavg()[0] ?? 0,
    runtimes,
  };
}

import os from "node:os";
import { type Runtime, RUNTIMES, versionOf } from "./runtimes.ts";

/** The machine of a table, to compare it with others. */
interface Machine {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  /** Load average of the minute before the first row: more than 0 is noise. */
  readonly load: number;
  /** Versions of the installed runtimes. */
  readonly runtimes: Partial<Record<Runtime, string>>;
}

/** Describes this machine. */
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

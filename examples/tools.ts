/**
 * The tools and the job of the example agent.
 * @module
 */
import type { Job, Tool } from "./agent.ts";

/** Two tools: `calendar` is slow when it searches everything, and `mail` fails the first time. */
export function createTools(): Readonly<Record<string, Tool>> {
  let mails = 0;
  return {
    calendar: (params, signal) =>
      params.with === "everyone" ? longSearch(signal) : `${params.with}: Thursday 10:00, room 4`,
    mail: ({ to }) => {
      if (++mails === 1) throw new Error("the mail server is busy");
      return `sent to ${to}`;
    },
  };
}

export const jobs: readonly Job[] = [
  { id: "job-1", name: "tidy up notes", everyMinutes: 60, run: () => {} },
];

function longSearch(signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new Error("stopped"));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve("no free Friday");
    }, 10_000);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}

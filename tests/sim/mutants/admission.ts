import type { Mutant } from "./mutant.ts";

/** Bugs in what bounds deliveries in flight: the schedules have no such load, `load_test.ts` does. */
export const inAdmission: readonly Mutant[] = [
  {
    bug: "leases without looking at the settle backlog",
    breaks: "admission",
    markers: { "settle-share": "Infinity", "settler-is-full": "false", "publishers-wait": "false" },
  },
  {
    bug: "publishers never wait for deliveries",
    breaks: "fairness",
    markers: { "publishers-wait": "false" },
  },
];

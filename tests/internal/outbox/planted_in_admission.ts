import type { Mutant } from "./mutants.ts";

const ADMISSION = "_admission.ts";
const WORKER = "_worker.ts";
const WAITS = "if (!delivers() || !this.#mustWait()) return;";

/** Bugs in what bounds deliveries in flight: the schedules have no such load, `load_test.ts` does. */
export const plantedInAdmission: readonly Mutant[] = [
  {
    bug: "leases without looking at the settle backlog",
    breaks: "admission",
    edits: [
      [ADMISSION, "if (settler.isFull) return 0;", ""],
      [
        ADMISSION,
        "Math.min(concurrency - attempting, SHARE - settling)",
        "concurrency - attempting",
      ],
      [WORKER, "while (this.#running && this.#settler.isFull) await", "while (false) await"],
      [ADMISSION, WAITS, "return;"],
    ],
  },
  {
    bug: "publishers never wait for deliveries",
    breaks: "fairness",
    edits: [[ADMISSION, WAITS, "return;"]],
  },
];

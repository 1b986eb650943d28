import { inClaim } from "./claim.ts";
import type { Mutant } from "./mutant.ts";
import { inOperations } from "./operations.ts";
import { inPublish } from "./publish.ts";
import { inSettle } from "./settle.ts";
import { inTargets } from "./targets.ts";

/** Every planted bug that the schedules find. */
export const mutants: readonly Mutant[] = [
  ...inPublish,
  ...inClaim,
  ...inSettle,
  ...inTargets,
  ...inOperations,
];

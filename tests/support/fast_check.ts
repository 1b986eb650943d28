/**
 * fast-check with the seed of the run. A property that fails prints it, and the counterexample.
 * @module
 */
import fc from "fast-check";
import { SEED } from "./random.ts";

fc.configureGlobal({ seed: SEED });

export default fc;

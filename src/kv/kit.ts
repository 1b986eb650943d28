/**
 * Code shared by the ways to open a store. A second entry point of this folder, for `./node`; the
 * package does not export it.
 *
 * @module
 */
export { checkStorePath } from "./_check_path.ts";
export { failure } from "./_failure.ts";

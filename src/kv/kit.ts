/**
 * What the ways to open a store share. A second door of the folder, for `./node`; the package exports
 * nothing of it.
 *
 * @module
 */
export { checkStorePath } from "./_check_path.ts";
export { failure } from "./_failure.ts";

import { EmitDepthError } from "./errors.ts";

/**
 * Dispatches inside of one another on the stack, at most. Far below its end: 64 handlers may each call
 * some 100 functions on the way to the next `emit`.
 */
const MAX_NESTED = 64;

/** The dispatches that are on the stack now, of all registries, outermost first. */
const owners: (object | undefined)[] = [];
const types: string[] = [];

/** A dispatch begins; call `leaveDispatch` before it gives control back. @throws {EmitDepthError} */
export function enterDispatch(owner: object | undefined, type: string): void {
  if (types.length >= MAX_NESTED) {
    throw new EmitDepthError([...types, type].filter((type) => type !== ""));
  }
  owners.push(owner);
  types.push(type);
}

/** The dispatch that began last gives control back: what it waits for runs on another stack. */
export function leaveDispatch(): void {
  owners.pop();
  types.pop();
}

/** Whether the caller was called by a dispatch that waits for it. */
export function isOnStack(owner: object): boolean {
  // Behind an `undefined` lies who does not wait for the caller.
  return owners.lastIndexOf(owner) > owners.lastIndexOf(undefined);
}

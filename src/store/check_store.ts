import { checkFunctions, checkObject } from "../internal/validate.ts";

/** A store. */
export function checkStore(subject: string, store: unknown): void {
  checkObject(subject, "a store", store);
  checkFunctions(`${subject} with this store`, store as object, [
    ...["get", "getMany", "set", "delete", "list", "atomic"],
  ]);
}

import { checkFunctions, checkObject } from "../internal/validate.ts";

/** The methods that every store has. */
const METHODS = ["get", "getMany", "set", "delete", "list", "atomic"];

/** A store. */
export function checkStore(subject: string, store: unknown): void {
  checkObject(subject, "a store", store);
  checkFunctions(`${subject} with this store`, store as object, METHODS);
}

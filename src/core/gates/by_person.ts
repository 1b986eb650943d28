import type { FinalDecision } from "./decision.ts";

/** Returns whether a person may have approved a call. A gate that failed may have asked. */
export function isByPerson({ askId, gates }: FinalDecision): boolean {
  return askId !== undefined ||
    gates.some(({ verdict, mode }) =>
      mode === "enforce" && (verdict === "ask" || verdict === "failed")
    );
}

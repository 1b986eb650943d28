import type { GateList, RegisteredGate } from "./gate.ts";

/** Returns the identity of gates across processes: decisions of other gates don't apply to these. */
export function identityOf({ all }: GateList): string {
  return all.map(nameOf).join();
}

/** Returns whether gates include all those of an identity. */
export function includesAll({ all }: GateList, identity: string): boolean {
  const names = all.map(nameOf);
  return identity === "" || identity.split(",").every((name) => names.includes(name));
}

function nameOf({ name, kind, mode }: RegisteredGate): string {
  return `${name} ${kind} ${mode}`;
}

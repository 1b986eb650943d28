/** What the agent is told, as its one argument. */
export type Orders = {
  /** Of the store. */
  readonly path: string;
  /** Of the gate over HTTP, and its secret. */
  readonly url: string;
  readonly secret: string;
  /** Files: which calls the tool ran for, and which calls have ended. */
  readonly ran: string;
  readonly ended: string;
  /** The numbers of its calls, without the last. */
  readonly from: number;
  readonly to: number;
};

/** Whether a gate denies a call, by its number. */
export function isDenied(gate: "parity" | "remote", n: number): boolean {
  return n % { parity: 5, remote: 7 }[gate] === 0;
}

/** Payload of `gate.decided`: what gates decided about an event, stored before it happens. */
export type GateDecidedData = {
  /** The decision. */
  readonly decision_id: string;
  /** The type of the event that was judged. */
  readonly event_type: string;
  /** The tool that was judged. */
  readonly name?: string;
  /** The call that was judged. */
  readonly call_id?: string;
  /** The agent of the call. */
  readonly agent_id?: string;
  /** What was decided. `error`: denied because something failed, though no gate and no person said no. */
  readonly outcome: "allowed" | "denied" | "asked" | "error";
  /** The reason that the model receives. */
  readonly reason?: string;
  /** How each gate judged. */
  readonly gates: readonly Readonly<Record<string, unknown>>[];
  /** The SHA-256 of the canonical JSON (RFC 8785) of the original data, in hexadecimal. */
  readonly digest_in: string;
  /** The same for the data that was judged last. */
  readonly digest_out: string;
  /** How long the decision took, in milliseconds. At the end of an ask: since the person was asked. */
  readonly took_ms: number;
  /** What a person was asked. An ask has two records: `asked`, and how it ended. */
  readonly ask_id?: string;
  /**
   * Set if the event was denied because the store failed. Only the handlers of the process that decided receive
   * this record. A digest that isn't known is empty.
   */
  readonly failure?: "store";
};

/** Payload of `gate.late`: a gate returned after the decision, which it didn't change. */
export type GateLateData = {
  /** The decision. */
  readonly decision_id: string;
  /** The type of the event that was judged. */
  readonly event_type: string;
  /** The tool that was judged. */
  readonly name?: string;
  /** The call that was judged. */
  readonly call_id?: string;
  /** The agent of the call. */
  readonly agent_id?: string;
  /** The gate. */
  readonly gate: string;
  /** What it returned. `failed`: anything but a verdict. */
  readonly verdict: "allow" | "deny" | "ask" | "none" | "rewritten" | "failed";
  /** Why it was too late: `timeout` or `aborted`. */
  readonly failure?: string;
  /** Why, in the words of the gate. */
  readonly reason?: string;
  /** Why, for logs only. */
  readonly internal?: string;
  /** How long it took, in milliseconds. */
  readonly duration_ms: number;
};

/** Payload of `gate.asked`: a gate asks a person before something happens. */
export type GateAskedData = {
  /** The ask. */
  readonly ask_id: string;
  /** The decision that waits for it. */
  readonly decision_id: string;
  /** The type of the event that is judged. */
  readonly event_type: string;
  /** The tool that is judged. */
  readonly name?: string;
  /** The gate that asks. */
  readonly gate?: string;
  /** The call that is judged. */
  readonly call_id?: string;
  /** The agent of the call. */
  readonly agent_id?: string;
  /** The SHA-256 of the canonical JSON of what is judged: an approval is valid for nothing else. */
  readonly digest: string;
  /** What is judged, redacted. */
  readonly data: unknown;
  /** What the gate asks. */
  readonly question: string;
  /** When the ask expires, and counts as denied, RFC 3339. */
  readonly expires_at: string;
  /** What may be chosen. */
  readonly allow: readonly ("allow" | "deny" | "edit")[];
};

/** Payload of `gate.resolved`: an ask was resolved, or expired. */
export type GateResolvedData = {
  /** The ask. */
  readonly ask_id: string;
  /** The decision that waited for it. */
  readonly decision_id: string;
  /** How it ended. */
  readonly outcome: "allowed" | "denied" | "expired";
  /** Who resolved it. */
  readonly by?: string;
  /** Why, in their words. */
  readonly note?: string;
  /** Whether the data was edited. */
  readonly edited?: boolean;
  /** The edited data. It passes the checks again before anything happens. */
  readonly data?: unknown;
  /** The digest of the edited data. */
  readonly digest?: string;
};

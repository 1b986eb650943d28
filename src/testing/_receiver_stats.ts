/** What a receiver counts. */
export interface ReceiverStats {
  /** Connections that were opened so far. */
  readonly connections: number;
  /** Connections that are open now. */
  readonly openConnections: number;
  /** Requests that are being answered now. */
  readonly activeRequests: number;
  /** The most requests that were being answered at once. */
  readonly maxActiveRequests: number;
  /** Answers that a client hung up on. */
  readonly abandoned: number;
  /** Bytes of bodies that the system took; it takes some megabytes that a client never reads. */
  readonly bodyBytes: number;
}

import type { Attempt } from "../core/mod.ts";
import { DAY } from "./_keys.ts";
import { type EndpointRecord, VERSION } from "./_records.ts";

/** Failures without which nothing is turned off, however long ago the first of them was. */
export const MIN_FAILURES = 20;
/** Longest pause that a receiver may ask for all of its deliveries, in milliseconds. */
const MAX_PAUSE = 60 * 60 * 1000;
/** By so much clocks may differ, in milliseconds. */
const CLOCKS = 60 * 1000;

/** An endpoint of which nothing is stored. */
export const ON: EndpointRecord = { v: VERSION, state: "on", failures: 0 };

/** How an endpoint stands for an address, at a time. */
export type Standing = {
  readonly state: "on" | "paused" | "off" | "deleted";
  readonly record: EndpointRecord;
};

/** The record under a key; one that can't be read counts as none. */
export function readEndpoint(value: unknown): EndpointRecord {
  const { state, failures } = (value ?? {}) as Partial<EndpointRecord>;
  const known = state === "on" || state === "off" || state === "deleted";
  return known && typeof failures === "number" ? value as EndpointRecord : ON;
}

/** What a record means for an address: what was noted of another one does not count. */
export function standingOf(record: EndpointRecord, address: string, now: number): Standing {
  if (record.state === "deleted") return { state: "deleted", record };
  if (record.address !== undefined && record.address !== address) {
    return { state: "on", record: ON };
  }
  if (record.state === "off") return { state: "off", record };
  return { state: pausedUntil(record, now) > now ? "paused" : "on", record };
}

/** Until when a record has its target wait; 0: whoever wrote that had a wrong clock. */
export function pausedUntil({ pausedUntil = 0 }: EndpointRecord, now: number): number {
  return pausedUntil > now + MAX_PAUSE + CLOCKS ? 0 : pausedUntil;
}

/** Whether two records tell of the same end. */
export function isSameOff(a: EndpointRecord, b: EndpointRecord): boolean {
  return a.state === b.state && a.reason === b.reason && a.address === b.address;
}

/** The record after a success; undefined: it knows of no failure. */
export function cleared(
  { failingSince, ...record }: EndpointRecord,
): EndpointRecord | undefined {
  return failingSince === undefined ? undefined : { ...record, failures: 0 };
}

/**
 * The record with failures that were not in it. The first that is written counts from now, not from when
 * it was: other processes may have succeeded meanwhile.
 */
export function withFailures(
  record: EndpointRecord,
  failures: number,
  now: number,
): EndpointRecord {
  const { failingSince = now } = record;
  return { ...record, failingSince, failures: record.failures + failures };
}

/** Until when a receiver asks to be left alone altogether; undefined: it does not. */
export function pauseAsked({ status, retryAfter }: Attempt, now: number): number | undefined {
  if (retryAfter === undefined || (status !== 429 && status !== 503)) return undefined;
  return now + Math.min(retryAfter, MAX_PAUSE);
}

/** Why an endpoint is to be turned off; undefined: it is not. */
export function reasonToEnd(
  { failingSince, failures }: EndpointRecord,
  { verdict, status }: Attempt,
  now: number,
  disableAfter: number,
): string | undefined {
  if (verdict === "disable") {
    return status === 410 ? "its receiver answered 410" : "its receiver asked to be sent nothing";
  }
  if (failingSince === undefined || failures < MIN_FAILURES) return undefined;
  const days = (now - failingSince) / DAY;
  if (now - failingSince < disableAfter) return undefined;
  return `nothing but failures for ${
    days >= 1 ? `${Math.floor(days)} days` : "too long"
  }: ${failures} of them`;
}

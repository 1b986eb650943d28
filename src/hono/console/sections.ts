import type { Scope } from "../options.ts";

/** The sections of the console, in the order of its navigation. */
export const SECTIONS = [
  { path: "", label: "Overview", scopes: ["read"] },
  { path: "events", label: "Events", scopes: ["read"] },
  { path: "deliveries", label: "Deliveries", scopes: ["read"] },
  { path: "dead-letters", label: "Dead letters", scopes: ["read"] },
  { path: "targets", label: "Targets", scopes: ["read"] },
  { path: "webhooks", label: "Webhooks", scopes: ["read"] },
  { path: "gates", label: "Gates", scopes: ["read", "approve"] },
] as const satisfies readonly Section[];

/** The path of a section below the root of the console. */
export type SectionPath = typeof SECTIONS[number]["path"];

type Section = {
  readonly path: string;
  readonly label: string;
  /** The scopes of which one is needed to see it. */
  readonly scopes: readonly Scope[];
};

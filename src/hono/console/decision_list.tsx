/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import { type DecisionJson, toDecisionJson } from "../decisions.ts";
import {
  Badge,
  EmptyState,
  formatDuration,
  NoMatchYet,
  Pagination,
  Section,
  Table,
  Time,
  type Tone,
} from "./components.tsx";
import { SelectField, TextField } from "./fields.tsx";
import { type ListPage, readPage } from "./read_page.ts";
import { link, outboxOf, type PageRequest } from "./request.ts";

const OUTCOMES = ["allowed", "denied", "asked", "error"] as const;

/** The colors of what was decided, or of what a person said. */
export const OUTCOME_TONES: Readonly<Record<string, Tone>> = {
  allowed: "ok",
  edited: "ok",
  denied: "bad",
  error: "bad",
  asked: "info",
  pending: "info",
  expired: "quiet",
};

type Found = {
  readonly page: ListPage<DecisionJson>;
  readonly query: Readonly<Record<string, string | undefined>>;
};

/** Finds the decisions of a page, by its query. @throws {Problem} when its cursor comes from elsewhere */
export async function findDecisions(at: PageRequest): Promise<Found> {
  const outcome = OUTCOMES.find((one) => one === at.query.get("outcome"));
  const gate = at.query.get("gate")?.trim() || undefined;
  const name = at.query.get("tool")?.trim() || undefined;
  const cursor = at.query.get("cursor") ?? undefined;
  const outbox = outboxOf(at);
  const page = await readPage(cursor, async (position) => {
    const page = await outbox.listDecisions({ outcome, gate, name, ...position });
    return { ...page, items: page.items.flatMap((item) => toDecisionJson(item) ?? []) };
  });
  return { page, query: { outcome, gate, tool: name, cursor } };
}

/** The list of decisions, with its filter. */
export function DecisionList({ at, page, query }: Found & { at: PageRequest }): Child {
  const { outcome, gate, tool } = query;
  const isFiltered = outcome !== undefined || gate !== undefined || tool !== undefined;
  return (
    <Section title="Decisions" id="decisions">
      <form class="filter" method="get" action={link(at, "gates")}>
        <SelectField
          name="outcome"
          label="Outcome"
          value={outcome}
          options={[["", "All"], ...OUTCOMES.map((one) => [one, one] as const)]}
        />
        <TextField name="gate" label="Gate" value={at.query.get("gate")} />
        <TextField name="tool" label="Tool" value={at.query.get("tool")} />
        <button type="submit">Filter</button>
        {isFiltered && <a class="button" href={link(at, "gates")}>Clear</a>}
      </form>
      {page.items.length > 0
        ? <DecisionTable at={at} decisions={page.items} />
        : page.isShort
        ? <NoMatchYet items="decisions" />
        : (
          <EmptyState title={isFiltered ? "No decisions match" : "No decisions yet"}>
            <p>
              {isFiltered ? <a href={link(at, "gates")}>Show all decisions</a> : (
                <>
                  Register a gate with <code>hooks.gate(…)</code>{" "}
                  to allow, deny, rewrite, or ask before a tool runs.
                </>
              )}
            </p>
          </EmptyState>
        )}
      <Pagination
        at={at}
        path="gates"
        query={query}
        cursor={page.cursor}
        isShort={page.isShort}
      />
    </Section>
  );
}

function DecisionTable(
  { at, decisions }: { at: PageRequest; decisions: readonly DecisionJson[] },
): Child {
  return (
    <Table
      caption="Gate decisions"
      columns={[
        { label: "About", kind: "wide" },
        { label: "Outcome" },
        { label: "Gates", kind: "wide" },
        { label: "Took", kind: "number" },
        { label: "When" },
      ]}
      rows={decisions.map((one) => [
        <>
          <a href={link(at, `events/${encodeURIComponent(one.event_id)}`)}>
            {one.name ?? one.event_type}
          </a>
          {one.name !== undefined && (
            <>
              <br />
              <small>{one.event_type}</small>
            </>
          )}
          {one.reason && (
            <>
              <br />
              <small>{one.reason}</small>
            </>
          )}
        </>,
        <Badge tone={OUTCOME_TONES[one.outcome] ?? "quiet"}>{one.outcome}</Badge>,
        one.gates.map(({ name, verdict, mode }) =>
          `${name}: ${verdict}${mode === "shadow" ? " (shadow)" : ""}`
        ).join(", "),
        formatDuration(one.took_ms),
        <Time at={at} time={new Date(one.at)} />,
      ])}
    />
  );
}

/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import { isObject } from "../../internal/validate.ts";
import type { Child } from "hono/jsx";
import type { Ask } from "../../core/mod.ts";
import { asksOf, shorten } from "../asks.ts";
import { parseExactJson } from "../body.ts";
import { type DecisionJson, toDecisionJson } from "../decisions.ts";
import { found, Problem } from "../problems.ts";
import {
  ActionForm,
  Badge,
  Details,
  EmptyState,
  formatDuration,
  Json,
  Lines,
  Section,
  SelectField,
  Table,
  TextField,
  Time,
  type Tone,
} from "./components.tsx";
import { respondPage } from "./layout.tsx";
import { FilterForm, List, readPage } from "./list.tsx";
import { act, can, type ConsoleRoute, link, outboxOf, type PageRequest } from "./request.ts";

/** Asks on a page: people respond to them one by one. */
const MAX_PENDING = 50;
/** Asks of which those that have ended are shown. */
const MAX_RECENT = 20;

const OUTCOMES = ["allowed", "denied", "asked", "error"] as const;

/** The colors of decisions, and of people's responses. */
const OUTCOME_TONES: Readonly<Record<string, Tone>> = {
  allowed: "ok",
  edited: "ok",
  denied: "bad",
  error: "bad",
  asked: "info",
  pending: "info",
  expired: "quiet",
};

/** The page of asks and decisions. */
export const gatePages: readonly ConsoleRoute[] = [
  { method: "GET", path: "gates", scope: ["read", "approve"], handle: showGates },
  { method: "POST", path: "asks/:id", scope: "approve", handle: resolveAsk },
];

function resolveAsk(at: PageRequest): Promise<Response> {
  return act(at, "gates", async () => {
    const { form, session: { identity } } = at;
    const decision = form.get("decision");
    if (decision !== "allow" && decision !== "deny" && decision !== "edit") {
      throw Problem.invalid({ pointer: "/decision", detail: "must be allow, deny or edit" });
    }
    const note = (form.get("note") ?? "").trim();
    if (note.length > 2000) {
      throw Problem.invalid({ pointer: "/reason", detail: "must be at most 2000 characters" });
    }
    const data = decision === "edit" ? readData(at, form.get("data") ?? "") : undefined;
    const asks = asksOf(at.c);
    const id = at.params["id"]!;
    found(await asks.get(id), "ask_not_found");
    const resolved = await asks.resolve(id, {
      decision,
      ...(data !== undefined && { data }),
      by: shorten(identity.name || "console"),
      ...(note !== "" && { note }),
    });
    return resolved.state === "denied" ? "Denied." : "Approved. The agent continues.";
  });
}

function readData({ c }: PageRequest, text: string): Readonly<Record<string, unknown>> {
  let data: unknown;
  try {
    data = parseExactJson(
      new TextEncoder().encode(text),
      c.get("hooksRequest").app.limits.jsonDepth,
      ["data"],
    );
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== "body_malformed") throw error;
  }
  if (isObject(data)) return data;
  throw Problem.invalid({ pointer: "/data", detail: "must be a JSON object" });
}

async function showGates(at: PageRequest): Promise<Response> {
  const asks = asksOf(at.c);
  outboxOf(at); // asks are stored there
  const { items: pending } = await asks.list({ state: "pending", limit: MAX_PENDING });
  const { items: all } = await asks.list({ state: "all", limit: MAX_RECENT });
  const ended = all.filter(({ state }) => state !== "pending");
  const content = (
    <>
      <Section title="Waiting for approval" id="pending">
        {pending.length === 0
          ? (
            <EmptyState title="Nothing to approve">
              <p>
                When a gate returns{" "}
                <code>ask("…")</code>, the agent waits, and its question appears here.
              </p>
            </EmptyState>
          )
          : (
            <div class="stack">
              {pending.map((ask) => <AskCard at={at} ask={ask} />)}
            </div>
          )}
      </Section>
      {ended.length > 0 && (
        <Section title="Recent responses" id="responses">
          <ResponseTable at={at} asks={ended} />
        </Section>
      )}
      {can(at, "read") && await renderDecisions(at)}
    </>
  );
  const lead = "Approval requests and gate decisions.";
  return await respondPage(at, { title: "Gates", section: "gates", lead }, content);
}

function AskCard({ at, ask }: { at: PageRequest; ask: Ask }): Child {
  const { id, question, gate, eventType, data, sessionId, runId, agentId, allow } = ask;
  return (
    <article class="card stack" aria-labelledby={`ask-${id}`}>
      <h3 id={`ask-${id}`}>{question}</h3>
      <p class="muted">
        Asked <Time at={at} time={ask.askedAt} />, expires <Time at={at} time={ask.expiresAt} />
      </p>
      <Json value={data} label={`What is asked about: ${question}`} />
      <Details
        entries={[
          ["Gate", gate],
          ["Event type", eventType],
          ["Session", sessionId],
          ["Run", runId],
          ["Agent", agentId],
        ]}
      />
      {can(at, "approve") && <DecisionForm at={at} ask={ask} />}
      {can(at, "approve") && allow.includes("edit") && <EditForm at={at} ask={ask} />}
    </article>
  );
}

function DecisionForm({ at, ask: { id, question, allow } }: { at: PageRequest; ask: Ask }): Child {
  const button = (decision: "allow" | "deny", label: string, look: string) => (
    <button
      type="submit"
      class={look}
      name="decision"
      value={decision}
      aria-label={`${label}: ${question}`}
    >
      {label}
    </button>
  );
  return (
    <ActionForm at={at} path={`asks/${encodeURIComponent(id)}`} class="fields">
      <TextField
        id={`note-${id}`}
        name="note"
        label="Reason"
        maxlength={2000}
        hint="Optional. The agent sees it when you deny."
      />
      <div class="row">
        {allow.includes("allow") && button("allow", "Approve", "primary")}
        {button("deny", "Deny", "danger")}
      </div>
    </ActionForm>
  );
}

function EditForm({ at, ask: { id, question, data } }: { at: PageRequest; ask: Ask }): Child {
  return (
    <details>
      <summary>Change the data, then approve</summary>
      <ActionForm at={at} path={`asks/${encodeURIComponent(id)}`} class="stack">
        <TextField
          id={`data-${id}`}
          name="data"
          label="Data (JSON)"
          rows={8}
          value={JSON.stringify(data, null, 2)}
        />
        <button
          type="submit"
          name="decision"
          value="edit"
          aria-label={`Approve with changes: ${question}`}
        >
          Approve with changes
        </button>
      </ActionForm>
    </details>
  );
}

function ResponseTable({ at, asks }: { at: PageRequest; asks: readonly Ask[] }): Child {
  return (
    <Table
      caption="How people responded"
      rows={asks}
      columns={[
        { label: "Question", kind: "wide", cell: ({ question }) => question },
        { label: "Response", cell: ({ state }) => <Outcome outcome={state} /> },
        { label: "By", cell: ({ by = "–" }) => by },
        { label: "Reason", kind: "wide", cell: ({ note = "" }) => note },
        {
          label: "When",
          cell: ({ resolvedAt, expiresAt }) => <Time at={at} time={resolvedAt ?? expiresAt} />,
        },
      ]}
    />
  );
}

/** Renders the list of decisions, with its filter. @throws {Problem} when its cursor comes from elsewhere */
async function renderDecisions(at: PageRequest): Promise<Child> {
  const outcome = OUTCOMES.find((one) => one === at.query.get("outcome"));
  const gate = at.query.get("gate")?.trim() || undefined;
  const tool = at.query.get("tool")?.trim() || undefined;
  const isFiltered = outcome !== undefined || gate !== undefined || tool !== undefined;
  const outbox = outboxOf(at);
  const page = await readPage(at, async (position) => {
    const page = await outbox.listDecisions({ outcome, gate, name: tool, ...position });
    return { ...page, items: page.items.flatMap((item) => toDecisionJson(item) ?? []) };
  });
  const empty = (
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
  );
  const query = { outcome, gate, tool };
  return (
    <Section title="Decisions" id="decisions">
      <FilterForm at={at} path="gates" isFiltered={isFiltered}>
        <SelectField
          name="outcome"
          label="Outcome"
          value={outcome}
          options={[["", "All"], ...OUTCOMES.map((one) => [one, one] as const)]}
        />
        <TextField name="gate" label="Gate" value={at.query.get("gate")} />
        <TextField name="tool" label="Tool" value={at.query.get("tool")} />
      </FilterForm>
      <List at={at} path="gates" query={query} page={page} what="decisions" empty={empty}>
        <DecisionTable at={at} decisions={page.items} />
      </List>
    </Section>
  );
}

function DecisionTable(
  { at, decisions }: { at: PageRequest; decisions: readonly DecisionJson[] },
): Child {
  return (
    <Table
      caption="Gate decisions"
      rows={decisions}
      columns={[
        {
          label: "About",
          kind: "wide",
          cell: ({ event_id, name, event_type, reason }) => (
            <>
              <a href={link(at, `events/${encodeURIComponent(event_id)}`)}>{name ?? event_type}</a>
              <Lines lines={[name !== undefined && event_type, reason]} />
            </>
          ),
        },
        { label: "Outcome", cell: ({ outcome }) => <Outcome outcome={outcome} /> },
        {
          label: "Gates",
          kind: "wide",
          cell: ({ gates }) =>
            gates.map(({ name, verdict, mode }) =>
              `${name}: ${verdict}${mode === "shadow" ? " (shadow)" : ""}`
            ).join(", "),
        },
        { label: "Took", kind: "number", cell: ({ took_ms }) => formatDuration(took_ms) },
        { label: "When", cell: (one) => <Time at={at} time={new Date(one.at)} /> },
      ]}
    />
  );
}

/** Renders what was decided, or what a person said. */
function Outcome({ outcome }: { outcome: string }): Child {
  return <Badge tone={OUTCOME_TONES[outcome] ?? "quiet"}>{outcome}</Badge>;
}

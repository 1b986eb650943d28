/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { Outbox } from "../../outbox/mod.ts";
import { act, attempt } from "./actions.ts";
import {
  ActionForm,
  EmptyState,
  formatCount,
  NoMatchYet,
  Pagination,
  Section,
} from "./components.tsx";
import { DeadLetterTable, FilterFields } from "./delivery_table.tsx";
import { findDeliveries, readFilter, toQuery } from "./find_deliveries.ts";
import { respondPage } from "./layout.tsx";
import { ReplayTable } from "./replay_pages.tsx";
import {
  can,
  type ConsoleRoute,
  link,
  outboxOf,
  type PageRequest,
  redirect,
  targetNames,
} from "./request.ts";

/** Dead letters that one form may replay: those of a page. */
const MAX_SELECTED = 100;

/** The form that the boxes of the table belong to. */
const FORM = "replay-selected";

/** The list of dead letters, and the replay of some or all. */
export const deadLetterPages: readonly ConsoleRoute[] = [
  { method: "GET", path: "dead-letters", scope: "read", handle: listDeadLetters },
  {
    method: "POST",
    path: "dead-letters/replay",
    scope: "admin",
    handle: (at) =>
      act(at, "dead-letters", async () => {
        const selected = at.form.getAll("delivery").slice(0, MAX_SELECTED);
        if (selected.length === 0) {
          return {
            kind: "error",
            text: "Nothing is selected: check the boxes of dead letters first.",
          };
        }
        return await replaySelected(outboxOf(at), selected);
      }),
  },
  {
    method: "POST",
    path: "dead-letters/replay-all",
    scope: "admin",
    async handle(at) {
      const { filter, errors } = readFilter(at.form);
      const query = toQuery(filter);
      const [error] = Object.values(errors);
      if (error !== undefined) {
        return await redirect(at, "dead-letters", {
          notice: { kind: "error", text: error },
          query,
        });
      }
      let id = "";
      const outcome = await attempt(async () => {
        ({ id } = await outboxOf(at).replays.start(filter));
        return "The replay runs in the background. You can close this page.";
      });
      const notice = typeof outcome === "string" ? { kind: "ok", text: outcome } as const : outcome;
      return await redirect(at, id === "" ? "dead-letters" : `replays/${id}`, { notice });
    },
  },
];

/** Replays some dead letters, each as `target id`. */
async function replaySelected(outbox: Outbox, selected: readonly string[]): Promise<string> {
  let replayed = 0;
  for (const one of selected) {
    const [target = "", id = ""] = one.split(" ");
    const outcome = await outbox.retry(target, id);
    if (outcome === "replayed" || outcome === "moved" || outcome === "queued") replayed++;
  }
  const skipped = selected.length - replayed;
  const rest = skipped === 0
    ? ""
    : `; ${formatCount(skipped)} skipped, because they are gone or in progress`;
  return `${formatCount(replayed)} replayed${rest}.`;
}

async function listDeadLetters(at: PageRequest): Promise<Response> {
  const outbox = outboxOf(at);
  const { filter, errors } = readFilter(at.query);
  const from = at.query.get("cursor") ?? undefined;
  const page = await findDeliveries(outbox, "dead", { filter, errors }, from);
  const { items } = page;
  const isWhole = from === undefined && page.cursor === undefined;
  const all = isWhole && items.length > 1 ? `all ${formatCount(items.length)}` : "all";
  const replays = await outbox.replays.list({ limit: 5 });
  const query = toQuery(filter);
  const isWrong = Object.keys(errors).length > 0;
  const isFiltered = isWrong || Object.values(query).some((value) => value !== undefined);
  // The number is known only if all are on this page: counting the rest would take too long.
  const name = isWhole || !isFiltered ? all : "all that match";
  const here = link({ root: "" }, "dead-letters", { ...query, cursor: from });
  const content = (
    <>
      <form class="filter" method="get" action={link(at, "dead-letters")}>
        <FilterFields
          query={at.query}
          errors={errors}
          targets={targetNames(at)}
        />
        <button type="submit">Filter</button>
        {isFiltered && <a class="button" href={link(at, "dead-letters")}>Clear</a>}
      </form>
      {items.length > 0 && (
        <>
          <DeadLetterTable
            at={at}
            caption="Dead letters"
            items={items}
            back={here}
            form={FORM}
          />
          {can(at, "admin") && (
            <div class="row below">
              <ActionForm at={at} path="dead-letters/replay" id={FORM} fields={{ back: here }}>
                <button type="submit">Replay selected</button>
              </ActionForm>
              <ActionForm
                at={at}
                path="dead-letters/replay-all"
                fields={query}
                data-confirm={`Replay ${name}? Their targets receive them again.`}
              >
                <button type="submit" class="primary">Replay {name}</button>
              </ActionForm>
            </div>
          )}
        </>
      )}
      {items.length === 0 && (isWrong
        ? <EmptyState title="Correct the filter to see a list" />
        : page.isShort
        ? <NoMatchYet items="dead letters" />
        : isFiltered
        ? (
          <EmptyState title="No dead letters match">
            <p>
              <a href={link(at, "dead-letters")}>Show all dead letters</a>
            </p>
          </EmptyState>
        )
        : (
          <EmptyState title="No dead letters">
            <p>
              No delivery has been given up. One that fails for good stays here until you replay it.
            </p>
          </EmptyState>
        ))}
      <Pagination
        at={at}
        path="dead-letters"
        query={{ ...query, cursor: from }}
        cursor={page.cursor}
        isShort={page.isShort}
      />
      {replays.length > 0 && (
        <Section title="Replays" id="replays">
          <ReplayTable at={at} replays={replays} />
        </Section>
      )}
    </>
  );
  const lead = "Deliveries that were given up. Fix their target, then replay them.";
  const head = { title: "Dead letters", section: "dead-letters", lead } as const;
  return await respondPage(at, head, content);
}

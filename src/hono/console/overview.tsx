/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import { EmptyState, formatCount, StateBadge, Table } from "./components.tsx";
import { respondPage } from "./layout.tsx";
import { type ConsoleRoute, outboxOf } from "./request.ts";

/** The first page. */
export const overviewRoutes: readonly ConsoleRoute[] = [
  {
    method: "GET",
    path: "",
    scope: "read",
    async handle(at) {
      const stats = await outboxOf(at).stats();
      const options = { title: "Overview", section: "" } as const;
      if (stats.length === 0) {
        const empty = <EmptyState title="No targets yet"></EmptyState>;
        return await respondPage(at, options, empty);
      }
      const table = (
        <Table
          caption="Targets"
          columns={[
            { label: "Target", kind: "wide" },
            { label: "State" },
            { label: "Pending", kind: "number" },
            { label: "Delivered", kind: "number" },
            { label: "Dead", kind: "number" },
          ]}
          rows={stats.map(({ target, state, pending, delivered, dead }) => [
            target,
            <StateBadge state={state} />,
            formatCount(pending),
            formatCount(delivered),
            formatCount(dead),
          ])}
        />
      );
      return await respondPage(at, options, table);
    },
  },
];

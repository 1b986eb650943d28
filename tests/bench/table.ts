import type { Measurement } from "./sampler.ts";
import { type Budget, budgetOf, type Place, type Row, type Unit } from "./rows/row.ts";

/** One line of the table: a row on one runtime. */
export interface Result extends Partial<Measurement> {
  readonly name: string;
  readonly against: string;
  readonly place: Place;
  readonly unit: Unit;
  readonly budget?: Budget;
  readonly verdict: Verdict;
  /** Why it could not be measured. */
  readonly error?: string;
}

/** The outcome of a line. `shown` has no budget, `failed` has no value. */
type Verdict = "met" | "missed" | "shown" | "failed";

/** Compares a measurement with the budget of its row. */
export function judge(row: Row, place: Place, outcome: Measurement | Error): Result {
  const { name, against, unit = "x" } = row;
  const budget = budgetOf(row, place);
  const labels = { name, against, place, unit, ...(budget && { budget }) };
  if (outcome instanceof Error) return { ...labels, verdict: "failed", error: outcome.message };
  if (budget === undefined) return { ...labels, ...outcome, verdict: "shown" };
  return { ...labels, ...outcome, verdict: meets(outcome.value, budget) ? "met" : "missed" };
}

function meets(value: number, budget: Budget): boolean {
  if ("atMost" in budget) return value <= budget.atMost;
  if ("atLeast" in budget) return value >= budget.atLeast;
  return value < budget.below;
}

/** Formats lines one by one, aligned to `rows`, which are known before the first is measured. */
export class Table {
  readonly #widths: readonly number[];

  constructor(rows: readonly Row[]) {
    this.#widths = [
      Math.max(...rows.map((row) => row.name.length)),
      Math.max(...rows.map((row) => row.against.length)),
      4, // a runtime
      9, // a value with its unit
      15, // a spread
      7, // a budget
    ];
  }

  /** Returns the header. */
  get head(): string {
    return this.#align(["row", "against", "on", "value", "spread", "budget", "verdict"]);
  }

  /** Returns the line of a result. */
  line(result: Result): string {
    const { name, against, place, value, low, high, unit, budget, verdict } = result;
    return this.#align([
      name,
      against,
      place,
      value === undefined ? "" : `${digits(value, 4)} ${unit}`,
      low === undefined || high === undefined || low === high
        ? ""
        : `${digits(low)}..${digits(high)}`,
      budget === undefined ? "" : describe(budget),
      { met: "met", missed: "MISSED", shown: "", failed: "FAILED" }[verdict],
    ]);
  }

  #align(cells: readonly string[]): string {
    return cells.map((cell, index) => {
      const width = this.#widths[index] ?? 0;
      return index < 3 || index === 6 ? cell.padEnd(width) : cell.padStart(width);
    }).join("  ").trimEnd();
  }
}

/** Summarizes the results, and repeats what was missed or failed. */
export function summarise(results: readonly Result[], table: Table): string {
  const having = (verdict: Verdict) => results.filter((result) => result.verdict === verdict);
  const [met, missed, failed] = [having("met"), having("missed"), having("failed")];
  return [
    `\n${met.length} budgets met, ${missed.length} missed, ${failed.length} rows failed`,
    ...missed.map((result) => table.line(result)),
    ...failed.map((result) => `${table.line(result)}\n  ${result.error}`),
  ].join("\n");
}

/** Formats a budget. */
function describe(budget: Budget): string {
  if ("atMost" in budget) return `<= ${budget.atMost}`;
  if ("atLeast" in budget) return `>= ${budget.atLeast}`;
  return `< ${budget.below}`;
}

/** Formats three significant digits: 0.0123, 1.23, 123. */
function digits(value: number, count = 3): string {
  return value >= 10 ** count ? value.toFixed(0) : value.toPrecision(count);
}

import type { OutputOptions, ServerContext } from "./client.ts";
import { fitWidth, jsonText, pad, type Style, styleOf, truncate, widthOf } from "./output.ts";

/** A column of a table. */
export type Column<Row> = {
  readonly title: string;
  /** Returns the cell of a row, without escape codes. */
  readonly text: (row: Row) => string;
  /** Colors the cell after it is padded. */
  readonly color?: (text: string, row: Row) => string;
  /** @default {"left"} */
  readonly align?: "right";
  /**
   * The width down to which cells are shortened when the table is wider than the terminal. Cells of
   * a column without it are never shortened.
   */
  readonly min?: number;
  /** Shortened last, because users copy it. */
  readonly keep?: true;
  /** Where the ellipsis goes. @default {"middle"} */
  readonly ellipsis?: "end";
};

/** Cells are never shorter than this: `a…z`. */
const MIN_WIDTH = 3;

/**
 * Formats rows as a table: the header, then a line for each row.
 *
 * @param width The width of the terminal; cells are shortened to fit it. @default no limit
 */
export function formatTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  width = Infinity,
): readonly [header: string, ...lines: string[]] {
  const cells = rows.map((row) => columns.map(({ text }) => text(row) || "-"));
  const widths = fit(
    columns,
    columns.map(({ title }, at) =>
      Math.max(widthOf(title), ...cells.map((line) => widthOf(line[at]!)))
    ),
    width,
  );
  const format = (texts: readonly string[], row?: Row): string =>
    texts.map((text, at) => {
      const { align, color, ellipsis = "middle" } = columns[at]!;
      const short = truncate(text, widths[at], ellipsis);
      const isLast = at === texts.length - 1 && align === undefined;
      const cell = isLast ? short : pad(short, widths[at]!, align);
      return row === undefined || !color ? cell : color(cell, row);
    }).join("  ");
  const header = format(columns.map(({ title }) => title)).trimEnd();
  return [header, ...cells.map((line, at) => format(line, rows[at]!))];
}

/** How a list is printed. */
type ListFormat<Row> = {
  readonly columns: (style: Style) => readonly Column<Row>[];
  /** What to say if there are no rows. */
  readonly none: string;
  /** Whether the header is also printed outside of a terminal. @default {false} */
  readonly hasHeader?: true;
  /** Where the list continues. */
  readonly cursor?: string | undefined;
};

/** Prints a list: a table, or with `--json` an object on each line. */
export function printList<Row>(
  { io, options: { json, full } }: Pick<ServerContext<OutputOptions>, "io" | "options">,
  rows: readonly Row[],
  { columns, none, hasHeader, cursor }: ListFormat<Row>,
): void {
  const { stdout, stderr } = io;
  if (json) { for (const row of rows) stdout.write(`${jsonText(row)}\n`); }
  else if (rows.length === 0) stderr.write(`${none}\n`);
  else {
    const style = styleOf(io, stdout);
    const [header, ...lines] = formatTable(rows, columns(style), fitWidth(stdout, full));
    if (hasHeader || stdout.isTerminal) stdout.write(`${style.dim(header)}\n`);
    for (const line of lines) stdout.write(`${line}\n`);
  }
  if (cursor !== undefined) stderr.write(`next page: --cursor ${cursor}\n`);
}

/** Returns widths that fit the table to the terminal, as far as they can. */
function fit<Row>(
  columns: readonly Column<Row>[],
  widths: readonly number[],
  width: number,
): readonly number[] {
  const target = width - 2 * (columns.length - 1);
  const floors = columns.map(({ min = Infinity }) => min);
  const whole = shrink(widths, floors.map((min, at) => columns[at]!.keep ? Infinity : min), target);
  if (sum(whole) <= target) return whole;
  // A shortened cell can't be copied anyway: the others need the space more.
  const short = widths.map((one, at) => columns[at]!.keep ? Math.min(one, floors[at]!) : one);
  const fitted = shrink(short, floors, target);
  if (sum(fitted) <= target) return fitted;
  return shrink(fitted, floors.map((min) => min === Infinity ? min : MIN_WIDTH), target);
}

/** Shrinks the widest columns, none below its floor, until their sum reaches a target. */
function shrink(
  widths: readonly number[],
  floors: readonly number[],
  target: number,
): readonly number[] {
  const shrunk = [...widths];
  for (let excess = sum(widths) - target; excess > 0; excess--) {
    const shrinkable = shrunk.flatMap((one, at) => one > floors[at]! ? [at] : []);
    if (shrinkable.length === 0) break;
    const widest = shrinkable.reduce((one, other) => shrunk[other]! > shrunk[one]! ? other : one);
    shrunk[widest]!--;
  }
  return shrunk;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

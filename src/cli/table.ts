import { padded, widthOf } from "./style.ts";

/** A column of a table. */
export type Column<Row> = {
  readonly title: string;
  /** What a row has there, without escape codes. */
  readonly text: (row: Row) => string;
  /** Paints what `text` gave, once it has its width. */
  readonly paint?: (text: string, row: Row) => string;
};

/** Rows as a table, head first, each column as wide as its widest cell. */
export function tableLines<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
): readonly [head: string, ...lines: string[]] {
  const sized = columns.map((column) => {
    const cells = rows.map((row) => column.text(row) || "-");
    return { column, cells, width: Math.max(...[column.title, ...cells].map(widthOf)) };
  });
  return [
    sized.map(({ column, width }) => padded(column.title, width)).join("  ").trimEnd(),
    ...rows.map((row, index) =>
      sized.map(({ column: { paint }, cells, width }, at) => {
        const text = at === sized.length - 1 ? cells[index]! : padded(cells[index]!, width);
        return paint ? paint(text, row) : text;
      }).join("  ")
    ),
  ];
}

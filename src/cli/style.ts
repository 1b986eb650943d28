import type { CommandIO, CommandOutput } from "./io.ts";

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

/** Paints text, or leaves it as it is where nobody wants colours. */
export type Style = Readonly<Record<keyof typeof codes, (text: string) => string>>;

/** Colours for a terminal, unless `NO_COLOR` is set (https://no-color.org). */
export function styleOf(io: Pick<CommandIO, "env">, output: CommandOutput): Style {
  const painted = hasColours(io, output);
  const entries = Object.entries(codes).map(([name, code]) => [
    name,
    (text: string) => painted ? `\x1b[${code}m${text}\x1b[0m` : text,
  ]);
  return Object.fromEntries(entries) as Style;
}

/** Whether a stream gets colours. */
export function hasColours(io: Pick<CommandIO, "env">, output: CommandOutput): boolean {
  return output.isTerminal && !io.env("NO_COLOR");
}

/**
 * Text from elsewhere that is safe to print: what could move the cursor, hide text or turn its
 * direction is written as an escape.
 */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}

/** Text cut to a number of characters, with a sign that it was. */
export function cut(text: string, columns: number | undefined): string {
  if (columns === undefined || text.length <= columns) return text;
  return `${text.slice(0, Math.max(columns - 1, 0))}…`;
}

/** A number of things: `1 event`, `2 events`. */
export function count(number: number, one: string, several = `${one}s`): string {
  return `${number} ${number === 1 ? one : several}`;
}

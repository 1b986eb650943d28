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

/** Characters that take two columns: East Asian wide ones, and emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;

/** How many columns of a terminal text takes that has no control characters. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += columnsOf(character);
  return width;
}

function columnsOf(character: string): number {
  if (character <= "~") return 1;
  if (/\p{Mn}|\p{Me}/u.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** Text cut to a number of columns, with a sign that it was. */
export function cut(text: string, columns: number | undefined): string {
  if (columns === undefined || text.length * 2 <= columns || widthOf(text) <= columns) return text;
  let kept = "";
  let left = columns - 1; // for the sign
  for (const character of text) {
    left -= columnsOf(character);
    if (left < 0) break;
    kept += character;
  }
  return `${kept}…`;
}

/** Text with spaces up to a number of columns. */
export function padded(text: string, columns: number): string {
  return text + " ".repeat(Math.max(columns - widthOf(text), 0));
}

/** A number of things: `1 event`, `2 events`. */
export function count(number: number, one: string, several = `${one}s`): string {
  return `${number} ${number === 1 ? one : several}`;
}

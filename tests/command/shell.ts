/**
 * A shell for the commands of an example, as written: one line after the other, those that end in `&`
 * beside the others.
 * @module
 */
import assert from "node:assert/strict";
import { freePort } from "../../tools/run.ts";
import { CommandProcess, type Runtime } from "./processes.ts";

/** Between two looks whether something listens, in milliseconds. */
const PAUSE = 50;

/** What differs from the shell of a reader. */
type ShellOptions = {
  readonly cwd: string;
  /** What replaces words of the shell: a program and a space, or the start of the program's path. */
  readonly words: Readonly<Record<string, string>>;
  /** Ports that others may have at the moment. Each becomes one that is free. */
  readonly ports?: readonly number[];
};

/** Runs lines; ends whatever runs beside when it is disposed of. */
export class Shell implements AsyncDisposable {
  /** What was exported, and what a test adds. */
  readonly env: Record<string, string> = {};
  readonly #options: ShellOptions;
  readonly #ports: ReadonlyMap<number, number>;
  readonly #running = new AsyncDisposableStack();

  constructor(options: ShellOptions) {
    this.#options = options;
    this.#ports = new Map(options.ports?.map((port) => [port, freePort()]));
  }

  /** The port that replaces one here. */
  port(written: number): number {
    return this.#ports.get(written)!;
  }

  /** A text with the ports of here. */
  here(text: string): string {
    return text.replace(
      /(?<=127\.0\.0\.1:|--port )\d+/g,
      (port) => `${this.#ports.get(+port) ?? port}`,
    );
  }

  /** Runs a line to its end, or starts it. */
  async run(line: string): Promise<CommandProcess> {
    const beside = line.endsWith(" &");
    const [, variable] = /^export (\w+)=/.exec(line) ?? [];
    const shown = variable ? `; printf %s "$${variable}"` : "";
    const text = this.here(beside ? line.slice(0, -2) : line);
    const command = new CommandProcess(this.#runtime(`${text}${shown}`), [], {
      cwd: this.#options.cwd,
      env: this.env,
    });
    this.#running.use(command);
    if (beside) return command;
    const { code } = await command.ended;
    assert.equal(code, 0, `${line}\n${command.stdout}${command.stderr}`);
    if (variable) this.env[variable] = command.stdout;
    return command;
  }

  /** Resolves when something listens at a port. */
  async listens(written: number, command: CommandProcess): Promise<void> {
    let over = false;
    command.ended.then(() => over = true);
    for (;;) {
      const options = { hostname: "127.0.0.1", port: this.port(written) };
      const connection = await Deno.connect(options).catch(() => undefined);
      connection?.close();
      if (connection) return;
      assert.ok(!over, `it ended after: ${command.stdout}${command.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running.disposeAsync();
  }

  /** The program takes the shell's place, so that a signal reaches it. */
  #runtime(line: string): Runtime {
    const words = Object.entries(this.#options.words);
    const functions = words.map(([word, program]) => `${word}() { exec ${program}"$@"; }; `);
    return { name: "node", program: "sh", args: ["-c", functions.join("") + line] };
  }
}

/** The commands in the comment at the head of a program. */
export function commandsOf(program: string): readonly string[] {
  const [head] = program.split(" */\n");
  return [...head!.matchAll(/^ \* {3}(\S.*)$/gm)].map(([, command]) => command!);
}

/** The commands below a heading of a page. */
export function commandsBelow(page: string, heading: string): readonly string[] {
  const [, block] = /```sh\n([^]*?)```/.exec(page.split(`\n## ${heading}\n`)[1]!)!;
  return block!.trim().split("\n");
}

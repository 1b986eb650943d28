import type { Store } from "../store/mod.ts";

/** Where the command writes. */
export type CommandOutput = {
  /** Whether a person reads it: colours and progress lines are for them alone. */
  readonly isTerminal: boolean;
  /** How many characters a line has; absent where nobody knows. */
  readonly columns?: number | undefined;
  /** Writes text as it is. */
  write(text: string): void;
};

/** Where the command reads. */
export type CommandInput = {
  /** Whether it is a keyboard, so that waiting for its end makes no sense. */
  readonly isTerminal: boolean;
  /** What comes in, until its end. */
  read(): AsyncIterable<Uint8Array>;
};

/** Signals that the command listens to. */
export type CommandSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

/** Where a server of the command listens. */
export type CommandServerOptions = {
  /** The address. */
  readonly hostname: string;
  /** The port; 0: any that is free. */
  readonly port: number;
};

/** A server that listens. */
export type CommandServer = {
  /** The port. */
  readonly port: number;
  /**
   * Takes no more connections, and resolves when every answer was sent, but after `grace` milliseconds
   * at the latest: what is still open then is cut off, or ends with the process.
   */
  close(grace: number): Promise<void>;
};

/**
 * What the command needs of its surroundings, and everything that it touches. `processIO()` gives
 * that of this process; a test gives its own.
 */
export type CommandIO = {
  /** Results. */
  readonly stdout: CommandOutput;
  /** Everything else: faults, progress, what is going on. */
  readonly stderr: CommandOutput;
  /** Piped input. */
  readonly stdin: CommandInput;
  /** An environment variable. */
  env(name: string): string | undefined;
  /** The bytes of a file; a relative path starts at the working directory. */
  readFile(path: string): Promise<Uint8Array>;
  /** HTTP. */
  readonly fetch: typeof fetch;
  /** The time, in milliseconds since 1970. */
  now(): number;
  /** Waits some milliseconds, or until the signal; never rejects. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** A number from 0 up to 1. */
  random(): number;
  /** Calls the listener at each such signal; the function that is returned takes it back. */
  onSignal(signal: CommandSignal, listener: () => void): () => void;
  /** Answers HTTP requests. */
  serve(
    options: CommandServerOptions,
    handler: (request: Request) => Promise<Response> | Response,
  ): Promise<CommandServer>;
  /** Opens an embedded Deno KV: a file, whose folder is made, `:memory:`, or a KV Connect URL. */
  openStore(path: string): Promise<Store>;
};

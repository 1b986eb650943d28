import type { Store } from "../store/mod.ts";

/** An output stream of the command. */
export type CommandOutput = {
  /** Whether it is a terminal. Only terminals get colors and progress lines. */
  readonly isTerminal: boolean;
  /** The width of the terminal in characters, if known. */
  readonly columns?: number | undefined;
  /** Writes text as is. */
  write(text: string): void;
};

/** The input stream of the command. */
export type CommandInput = {
  /** Whether it is a terminal, so there is no end of input to wait for. */
  readonly isTerminal: boolean;
  /** Yields the input until it ends. */
  read(): AsyncIterable<Uint8Array>;
};

/** Signals that the command handles. */
export type CommandSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

/** Where a server of the command listens. */
export type CommandServerOptions = {
  /** The address. */
  readonly hostname: string;
  /** The port; 0 picks a free one. */
  readonly port: number;
};

/** A running server. */
export type CommandServer = {
  /** The port it listens on. */
  readonly port: number;
  /**
   * Stops accepting connections and resolves once every response was sent, or after `grace`
   * milliseconds. Connections still open then are closed, or end with the process.
   */
  close(grace: number): Promise<void>;
};

/** The environment of the command. `processIO()` returns that of this process; tests pass their own. */
export type CommandIO = {
  /** Receives results. */
  readonly stdout: CommandOutput;
  /** Receives everything else: errors, progress, logs. */
  readonly stderr: CommandOutput;
  /** Piped input. */
  readonly stdin: CommandInput;
  /** Returns an environment variable. */
  env(name: string): string | undefined;
  /** Reads a file. Relative paths start at the working directory. */
  readFile(path: string): Promise<Uint8Array>;
  /** Sends HTTP requests. */
  readonly fetch: typeof fetch;
  /** Returns the time in milliseconds since 1970. */
  now(): number;
  /** Waits a number of milliseconds, or until the signal aborts. Never rejects. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** Returns a number from 0 up to, but not including, 1. */
  random(): number;
  /** Calls the listener on each such signal. Returns a function that removes it. */
  onSignal(signal: CommandSignal, listener: () => void): () => void;
  /** Starts an HTTP server. */
  serve(
    options: CommandServerOptions,
    handler: (request: Request) => Promise<Response> | Response,
  ): Promise<CommandServer>;
  /**
   * Opens a store: a file, whose directory is created, `:memory:`, a PostgreSQL URL, or a KV Connect URL.
   * `onNotice` receives what users should know about it.
   */
  openStore(location: string, onNotice?: (message: string) => void): Promise<Store>;
};

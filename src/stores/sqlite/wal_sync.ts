/**
 * Makes transactions durable without holding the event loop: with `synchronous=NORMAL`, SQLite writes to
 * its log (the `-wal` file) and doesn't sync it, so this does, in the background, before a commit is
 * confirmed. SQLite still syncs the log before it copies pages into the database, and locks neither the
 * log nor this descriptor of it.
 */
export class WalSync {
  readonly #path: string;
  readonly #fs: FileSystem;
  #file: number | undefined;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #failure: unknown;
  #closed = false;

  /** For the database at a path. */
  constructor(path: string, fs: FileSystem = fileSystem()) {
    this.#path = `${path}-wal`;
    this.#fs = fs;
  }

  /**
   * Resolves when everything that was written before the call is on the disk. Rejects once a sync failed,
   * and from then on: nobody knows what the disk holds.
   */
  flush(): Promise<void> {
    if (this.#running === undefined) return this.#start();
    // The running sync may have begun before the last write. One more covers all who wait.
    return this.#next ??= this.#running.then(() => this.#startNext(), () => this.#startNext());
  }

  /** Closes the descriptor as soon as no sync uses it. */
  close(): void {
    this.#closed = true;
    if (this.#running === undefined) this.#closeFile();
  }

  #startNext(): Promise<void> {
    this.#next = undefined;
    return this.#start();
  }

  #start(): Promise<void> {
    const running = this.#sync().finally(() => {
      if (this.#running === running) this.#running = undefined;
      if (this.#closed && this.#running === undefined) this.#closeFile();
    });
    this.#running = running;
    return running;
  }

  async #sync(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      this.#file ??= this.#fs.openSync(this.#path, "r+");
      const file = this.#file;
      await new Promise<void>((resolve, reject) => {
        this.#fs.fdatasync(file, (error) => error ? reject(error) : resolve());
      });
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  #closeFile(): void {
    if (this.#file === undefined) return;
    this.#fs.closeSync(this.#file);
    this.#file = undefined;
  }
}

/** The part of `node:fs` that it uses. */
export type FileSystem = {
  openSync(path: string, flags: string): number;
  closeSync(file: number): void;
  fdatasync(file: number, callback: (error: Error | null) => void): void;
};

function fileSystem(): FileSystem {
  const { process } = globalThis as unknown as {
    readonly process: { getBuiltinModule(name: "node:fs"): FileSystem };
  };
  return process.getBuiltinModule("node:fs");
}

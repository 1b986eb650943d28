import { builtinLoader } from "../../internal/runtime.ts";
/**
 * Makes transactions durable without blocking the event loop: with `synchronous=NORMAL`, SQLite writes to its
 * log (the `-wal` file) and doesn't sync it, so this does, in the background, before a commit is confirmed.
 * SQLite still syncs the log before it copies pages into the database, and locks neither the log nor this
 * descriptor of it.
 */
export class WalSync {
  readonly #fs: FileSystem;
  readonly #file: number;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #failure: unknown;
  #closed = false;
  #isOpen = true;

  /** Opens the log of the database at an absolute path. It exists once something was written. */
  constructor(path: string, fs: FileSystem = fileSystem()) {
    this.#fs = fs;
    this.#file = fs.openSync(`${path}-wal`, "r+");
  }

  /** Throws once a sync has failed: the state of the disk is unknown. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Resolves when everything that was written before the call is on the disk. Rejects once a sync failed,
   * and from then on.
   */
  flush(): Promise<void> {
    if (this.#running === undefined) return this.#start();
    // The running sync may have begun before the last write. One more covers all who wait.
    return this.#next ??= this.#running.then(() => this.#startNext(), () => this.#startNext());
  }

  /** Syncs at once, which covers all who wait, and closes the descriptor. */
  close(): void {
    this.#closed = true;
    try {
      if (this.#running !== undefined) this.#fs.fdatasyncSync(this.#file);
    } catch (error) {
      this.#failure = error;
    }
    if (this.#running === undefined) this.#closeFile();
  }

  #closeFile(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#fs.closeSync(this.#file);
  }

  #startNext(): Promise<void> {
    this.#next = undefined;
    return this.#start();
  }

  #start(): Promise<void> {
    const running = this.#sync().finally(() => {
      if (this.#running !== running) return;
      this.#running = undefined;
      if (this.#closed) this.#closeFile();
    });
    this.#running = running;
    return running;
  }

  async #sync(): Promise<void> {
    this.check();
    if (this.#closed) return; // `close` has synced
    try {
      await new Promise<void>((resolve, reject) => {
        this.#fs.fdatasync(this.#file, (error) => error ? reject(error) : resolve());
      });
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }
}

/** The part of `node:fs` that it uses. */
type FileSystem = {
  openSync(path: string, flags: string): number;
  closeSync(file: number): void;
  fdatasyncSync(file: number): void;
  fdatasync(file: number, callback: (error: Error | null) => void): void;
};

function fileSystem(): FileSystem {
  return builtinLoader()!("node:fs") as FileSystem;
}

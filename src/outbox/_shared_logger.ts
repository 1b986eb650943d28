import { consoleLogger } from "../core/reporter.ts";
import type { Logger } from "../core/mod.ts";

/** Logs where the outbox was told to, else where the hooks that have it log, else on the console. */
export class SharedLogger {
  /** The logger of the hooks that have the outbox. */
  host: Logger | undefined;
  readonly logger: Logger;

  constructor(own: Logger | undefined) {
    const to = (): Logger => own ?? this.host ?? consoleLogger;
    this.logger = {
      debug: (...data) => to().debug(...data),
      info: (...data) => to().info(...data),
      warn: (...data) => to().warn(...data),
      error: (...data) => to().error(...data),
    };
  }
}

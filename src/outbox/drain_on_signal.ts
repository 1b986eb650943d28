import type { DeliveryQueue, Hooks, Logger, Registration } from "../core/mod.ts";
import { createRegistration } from "../core/registration.ts";
import { deadline } from "../internal/async.ts";
import { maskError } from "../internal/mask_error.ts";
import { checkKnown } from "../internal/options.ts";
import { checkFunctions } from "../internal/validate.ts";
import { STOP_TIMEOUT } from "./timeouts.ts";
import { keepAlive } from "./types.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Options of `drainOnSignal`. */
export interface DrainOnSignalOptions {
  /** Logs hooks that could not be closed. @default the console */
  readonly logger?: Pick<Logger, "error"> | undefined;
  /**
   * Called when the hooks are closed, or after 4.5 s, with the exit code: 0, or 1 when something could
   * not be closed in time. @default exits the process
   */
  readonly exit?: ((code: number) => void) | undefined;
}

/** The signals of a runtime. */
type Host = {
  on(signal: (typeof SIGNALS)[number], listener: () => void): void;
  off(signal: (typeof SIGNALS)[number], listener: () => void): void;
  exit(code: number): void;
};

/**
 * Closes hooks on SIGINT and SIGTERM, then exits. No more events are accepted, running attempts may end, and
 * the leases of those that don't end are given back. All of it within 4.5 s, because Deno Deploy kills after
 * 5 s. Accepted events stay in the store, and any other running process delivers them. Until the hooks are
 * closed, their outbox keeps the process alive, even if it has nothing to deliver.
 *
 * ```ts ignore
 * const hooks = createHooks({ outbox: createOutbox(store) });
 * drainOnSignal(hooks);
 * ```
 *
 * @returns a registration that removes the listeners
 * @throws {TypeError} on a runtime without signals
 */
export function drainOnSignal(
  hooks: Pick<Hooks, "close"> & { readonly outbox?: DeliveryQueue | undefined },
  options: DrainOnSignalOptions = {},
): Registration {
  const subject = "Cannot drain on signals";
  checkKnown(subject, options, ["logger", "exit"]);
  const { logger = console, exit } = options;
  checkFunctions(subject, logger, ["error"]);
  checkFunctions(subject, options, [], ["exit"]);
  const host = hostOf();
  let draining = false;
  const listener = async (): Promise<void> => {
    if (draining) return;
    draining = true;
    const code = await closeInTime(hooks, logger);
    (exit ?? host.exit)(code);
  };
  for (const signal of SIGNALS) host.on(signal, listener);
  // A signal's listener keeps no process alive.
  const letGo = keepAlive(hooks.outbox);
  const unregister = (): void => {
    letGo();
    SIGNALS.forEach((signal) => host.off(signal, listener));
  };
  return createRegistration(unregister);
}

async function closeInTime(
  hooks: Pick<Hooks, "close">,
  logger: Pick<Logger, "error">,
): Promise<number> {
  try {
    await deadline(hooks.close(), STOP_TIMEOUT);
    return 0;
  } catch (error) {
    logger.error("The hooks could not be closed on a signal", maskError(error));
    return 1;
  }
}

/** Returns Deno's own interface, if any: on Deno, naming `process` loads Node's. */
function hostOf(): Host {
  const globals = globalThis as unknown as {
    readonly Deno?: {
      addSignalListener(signal: string, listener: () => void): void;
      removeSignalListener(signal: string, listener: () => void): void;
      exit(code: number): void;
    };
    readonly process?: {
      on(signal: string, listener: () => void): void;
      off(signal: string, listener: () => void): void;
      exit(code: number): void;
    };
  };
  const { Deno } = globals;
  if (Deno?.addSignalListener) {
    return {
      on: (signal, listener) => Deno.addSignalListener(signal, listener),
      off: (signal, listener) => Deno.removeSignalListener(signal, listener),
      exit: (code) => Deno.exit(code),
    };
  }
  const { process } = globals;
  if (typeof process?.on === "function" && typeof process.exit === "function") return process;
  throw new TypeError("Cannot drain on signals: this runtime has none");
}

import { setTimer } from "../internal/async.ts";
import { checkFunctions } from "../internal/validate.ts";
import { checkKnown } from "../internal/options.ts";
import { maskError } from "../internal/mask_error.ts";
import type { DeliveryQueue, Hooks, Logger, Registration } from "../core/mod.ts";
import { createRegistration } from "../core/registration.ts";
import { keepAlive } from "./_keep_alive.ts";

/** Deno Deploy kills an instance 5 s after its SIGINT; other platforms give more. */
const DEADLINE = 4_500;
const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Options of `drainOnSignal`. */
export interface DrainOnSignalOptions {
  /** Where trouble is logged. @default the console */
  readonly logger?: Pick<Logger, "error"> | undefined;
  /**
   * Called when everything has ended, or after 4.5 s, with the code to exit with: 0, or 1 when something
   * could not be closed in time. @default exits the process
   */
  readonly exit?: ((code: number) => void) | undefined;
}

/** What differs between runtimes. */
type Host = {
  on(signal: (typeof SIGNALS)[number], listener: () => void): void;
  off(signal: (typeof SIGNALS)[number], listener: () => void): void;
  exit(code: number): void;
};

/**
 * Closes hooks on SIGINT and SIGTERM, then exits: no event is taken any more, attempts under way may end,
 * the leases of those that don't are given back. All of it within 4.5 s, as a second later Deno Deploy
 * kills. Accepted events stay in the store, and any other running process delivers them. Until the
 * hooks are closed, their outbox keeps the process alive, even if it has nothing to deliver.
 *
 * ```ts ignore
 * const hooks = createHooks({ outbox: createOutbox(store) });
 * drainOnSignal(hooks);
 * ```
 *
 * @returns What takes the listeners back
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
  let cancel = (): void => {};
  const late = new Promise<never>((_, reject) => {
    cancel = setTimer(DEADLINE, () => reject(new Error(`it took longer than ${DEADLINE} ms`)));
  });
  try {
    await Promise.race([hooks.close(), late]);
    return 0;
  } catch (error) {
    logger.error("The hooks could not be closed on a signal", maskError(error));
    return 1;
  } finally {
    cancel();
  }
}

/** Deno's own interface where there is one: there, to name `process` loads Node's. */
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
  throw new TypeError("Cannot drain on signals as this runtime has none");
}

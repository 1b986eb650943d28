import { checkKnown, checkMembers } from "../internal/options.ts";
import { checkFunctions, inspect, isPlainObject } from "../internal/validate.ts";
import type { HooksOption, StandaloneGate } from "./define_hook.ts";
import type { Webhook } from "./delivery.ts";
import type { Gate } from "./gates/gate.ts";
import type { HandlerFunc, HandlerOptions, Hook } from "./hook.ts";

/** A registration. Call it to undo the registration: `const off = hooks.on(…); off()`. */
export type Registration = {
  /** Does the same as `unregister`. */
  (): void;
  /**
   * Undoes the registration, from the next event on. An open hook or webhook is closed when the events
   * that it may still receive have ended. Calling it again does nothing.
   */
  unregister(): void;
  /** Does the same, for `using`. */
  [Symbol.dispose](): void;
};

/** Creates a registration from the function that undoes it. */
export function createRegistration(unregister: () => void): Registration {
  return Object.assign(() => unregister(), { unregister, [Symbol.dispose]: unregister });
}

/** The part of the registry that registers handlers, hooks, webhooks and gates. */
type Registrar = {
  registerHandler(
    pattern: readonly "*"[],
    name: string,
    handler: HandlerFunc,
    options?: HandlerOptions,
  ): Registration;
  registerHook(hook: Hook): Registration;
  registerWebhook(webhook: Webhook): Registration;
  readonly gates: {
    register(pattern: readonly "*"[], gate: Gate<never>): Registration;
  };
};

/** Registers everything in a list, or nothing. @throws {TypeError | RangeError} when one is invalid */
export function registerAll(
  registrar: Registrar,
  options: readonly HooksOption[],
): readonly Registration[] {
  const registrations: Registration[] = [];
  try {
    for (const option of options) registrations.push(register(registrar, option));
  } catch (error) {
    for (const registration of registrations) registration.unregister();
    throw error;
  }
  return registrations;
}

function register(registrar: Registrar, option: HooksOption): Registration {
  if (typeof option !== "object" || option === null) {
    throw new TypeError(
      `Cannot use ${inspect(option)}: expected a hook, a webhook, a gate, or what withHook returns`,
    );
  }
  if (Array.isArray(option)) {
    throw new TypeError("Cannot use a list: spread it, as in use(...list)");
  }
  if ("kind" in option) {
    if (option.kind === "hook") {
      checkKnown("Cannot use this hook", option, ["kind", "hook"]);
      return registrar.registerHook(option.hook);
    }
    if (option.kind === "webhook") {
      checkKnown("Cannot use this webhook", option, ["kind", "webhook"]);
      return registrar.registerWebhook(option.webhook);
    }
    if (option.kind === "gate") {
      checkKnown("Cannot use this gate", option, ["kind", "events", "gate"]);
      return registrar.gates.register(option.events as readonly "*"[], option.gate);
    }
    if (isGate(option)) {
      return registrar.gates.register(option.events as readonly "*"[], option as Gate<never>);
    }
    if (option.kind === "handler") return registerHandler(registrar, option);
  }
  checkNoGate(option);
  return isWebhook(option) ? registrar.registerWebhook(option) : registrar.registerHook(option);
}

function registerHandler(
  registrar: Registrar,
  option: Extract<HooksOption, { readonly kind: "handler" }>,
): Registration {
  checkHandlerOption(option);
  const { events, name = "", options } = option;
  // Called as the method that it is, but with the name of the function.
  const handle: HandlerFunc = (event, context) => option.handle(event, context);
  Object.defineProperty(handle, "name", { value: option.handle.name });
  // The types of patterns and handler were checked where the option was created.
  return registrar.registerHandler(
    events as readonly "*"[],
    name,
    handle,
    options as HandlerOptions | undefined,
  );
}

/** Options that belong in `options` of a handler and would be ignored next to it. */
const NESTED: readonly string[] = ["once", "priority", "timeout", "filter"];

function checkHandlerOption(option: object): void {
  const subject = "Cannot use this handler";
  checkMembers(subject, option, ["kind", "events", "name", "options", "handle"]);
  checkFunctions(subject, option, ["handle"]);
  const misplaced = NESTED.find((name) => Object.hasOwn(option, name));
  if (misplaced === undefined) return;
  const suggestion = `options: { ${misplaced} }`;
  throw new TypeError(`${subject}: unknown option '${misplaced}'. Did you mean '${suggestion}'?`);
}

function isGate(option: HooksOption): option is StandaloneGate {
  return "kind" in option && (option.kind === "check" || option.kind === "rewrite");
}

/** Members of a gate. A class of hooks may have members of its own with such names. */
const GATE_MEMBERS: readonly string[] = ["kind", "mode", "onFailure"];

/** Rejects gates: as a hook, a gate would observe and never deny. */
function checkNoGate(option: object): void {
  if (!isPlainObject(option) || !("handle" in option)) return;
  const found = GATE_MEMBERS.find((name) => name in option);
  if (found === undefined) return;
  throw new TypeError(
    `Cannot use this gate: it has '${found}', but its 'kind' is not "check" or "rewrite"`,
  );
}

/** Returns whether an option is a webhook: only webhooks have both methods without `handle`. */
function isWebhook(option: object): option is Webhook {
  return "deliver" in option && "attempt" in option && !("handle" in option);
}

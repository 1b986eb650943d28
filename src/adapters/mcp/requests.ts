import { type AllowedCall, toRecord } from "../tool_call.ts";

/**
 * How many calls may have no response yet, and how many other requests. Beyond that, calls are refused, and the
 * response to the oldest of the others is not passed on.
 */
const MAX_PENDING = 10_000;

/** A request that has no response yet. A tool call has a controller, and a call once gates allow it. */
export type Pending = {
  readonly id: string | number;
  readonly controller?: AbortController;
  call?: AllowedCall;
  /** Whether gates judge its response. No other one is passed on. */
  hasResponse?: boolean;
};

/** The requests of one direction that have no response yet. */
export class Requests {
  readonly #pending = new Map<unknown, Pending>();
  /** Requests that aren't calls, oldest first. */
  readonly #others = new Set<Pending>();

  /** Adds a request. Returns why it can't be added. */
  add(request: Pending): string | undefined {
    const key = keyOf(request.id);
    if (this.#pending.has(key)) return `The request id ${request.id} is in use`;
    const isCall = request.controller !== undefined;
    if (isCall && this.#pending.size - this.#others.size >= MAX_PENDING) {
      return `${MAX_PENDING} calls have no response yet: wait for one, or cancel it`;
    }
    this.#pending.set(key, request);
    if (!isCall) this.#others.add(request);
    if (this.#others.size > MAX_PENDING) this.remove(this.#others.values().next().value!);
    return undefined;
  }

  /** Returns the request with an id, or with one that the SDK treats as equal. */
  get(id: unknown): Pending | undefined {
    return this.#pending.get(keyOf(id));
  }

  remove(request: Pending): void {
    const key = keyOf(request.id);
    if (this.#pending.get(key) === request) this.#pending.delete(key);
    this.#others.delete(request);
  }

  cancel(id: unknown): void {
    const request = this.get(id);
    if (request !== undefined && request.id === id) {
      this.#end(request, new Error("The call was canceled"));
    }
  }

  /** Ends all calls. */
  end(error: Error): void {
    for (const request of [...this.#pending.values()]) this.#end(request, error);
  }

  #end(request: Pending, error: Error): void {
    this.remove(request);
    request.controller?.abort(error);
    void request.call?.fail(error);
  }
}

/** Returns the key of a request. The SDK reads ids in responses as numbers, even " 1 " and "0x1". */
function keyOf(id: unknown): unknown {
  const number = typeof id === "string" ? Number(id) : NaN;
  return Number.isNaN(number) ? id : number;
}

/** The parameters of `tools/call`. */
export type Params = Readonly<Record<string, unknown>>;

/** Fields of a request for the protocol, not for the tool. */
const OF_PROTOCOL = [
  "progressToken",
  "io.modelcontextprotocol/protocolVersion",
  "io.modelcontextprotocol/clientInfo",
  "io.modelcontextprotocol/clientCapabilities",
  "io.modelcontextprotocol/logLevel",
  "io.modelcontextprotocol/related-task",
];

/**
 * Returns the parameters that gates judge: the arguments of a call, and everything else that its tool gets,
 * such as `_meta` and `inputResponses`.
 *
 * @throws {TypeError} when an argument has the name of one of the others
 */
export function judgedParams(params: Params): unknown {
  const { arguments: given = {} } = params;
  const others = othersOf(params);
  if (Object.keys(others).length === 0) return given;
  const named = toRecord(given);
  const twice = Object.keys(others).find((name) => Object.hasOwn(named, name));
  if (twice === undefined) return { ...named, ...others };
  throw new TypeError(
    `Cannot judge the call: '${twice}' is both an argument and a parameter of the request`,
  );
}

/** The opposite of `judgedParams`: returns the parameters of a call as they were judged. */
export function passedParams(judged: unknown, params: Params): Params {
  const { name, arguments: given = {}, _meta } = params;
  const others = Object.keys(othersOf(params));
  const ofProtocol = Object.entries(toRecord(_meta ?? {})).filter(([key]) => isOfProtocol(key));
  const own = (others.length > 0 ? toRecord(judged) : {}) as Params;
  const passed = Object.fromEntries(
    others.filter((key) => Object.hasOwn(own, key)).map((key) => [key, own[key]]),
  );
  const meta = { ...toRecord(passed._meta ?? {}), ...Object.fromEntries(ofProtocol) };
  return {
    name,
    ...passed,
    arguments: others.length > 0 ? argumentsOf(own, given, others) : judged,
    ...(_meta !== undefined && { _meta: meta }),
  };
}

function argumentsOf(judged: Params, given: unknown, others: readonly string[]): unknown {
  const named = Object.entries(judged).filter(([key]) => !others.includes(key));
  const rest = Object.fromEntries(named);
  return toRecord(given) === given ? rest : rest.input;
}

/** Returns all fields of a call except its name and its arguments. */
function othersOf({ name: _, arguments: __, _meta, ...others }: Params): Params {
  const meta = Object.entries(toRecord(_meta ?? {})).filter(([key]) => !isOfProtocol(key));
  return meta.length === 0 ? others : { ...others, _meta: Object.fromEntries(meta) };
}

function isOfProtocol(key: string): boolean {
  return OF_PROTOCOL.includes(key);
}

import { toRecord } from "../tool_call.ts";

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

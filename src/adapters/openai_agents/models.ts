import { createEventId } from "../../internal/uuid.ts";
import type { ModelResult } from "../run.ts";
import { frames } from "./frame.ts";
import {
  type ModelRequest,
  type ModelResponse,
  nameOf,
  parsed,
  type SdkModel,
  usageOf,
  userText,
} from "./sdk.ts";

/** Connected models, by the original models and by themselves. */
const models = new WeakMap<SdkModel, SdkModel>();

/** Returns a model that emits events, once for each model. Names of models are returned unchanged. */
export function connectModel<Model>(model: Model): Model {
  if (typeof model !== "object" || model === null) return model;
  const found = model as unknown as SdkModel;
  const connected = models.get(found) ?? observed(found);
  models.set(found, connected).set(connected, connected);
  return connected as Model;
}

/** Returns a model that emits events, for calls of runs that are connected. */
export function observed(model: SdkModel, name?: string): SdkModel {
  return new Proxy(model, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key, target);
      if (key === "getResponse") return (request: ModelRequest) => respond(target, name, request);
      if (key === "getStreamedResponse") {
        return (request: ModelRequest) => stream(target, name, request);
      }
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

async function respond(
  model: SdkModel,
  name: string | undefined,
  request: ModelRequest,
): Promise<ModelResponse> {
  const call = await begin(model, name, request);
  try {
    const response = await model.getResponse(request);
    await call?.end(response);
    return response;
  } catch (error) {
    await call?.fail(error);
    throw error;
  }
}

function stream(
  model: SdkModel,
  name: string | undefined,
  request: ModelRequest,
): AsyncIterable<{ readonly type: string }> {
  const begun = begin(model, name, request); // here, as a generator starts elsewhere
  return (async function* () {
    const call = await begun;
    try {
      for await (const event of model.getStreamedResponse(request)) {
        if (event.type === "response_done") await call?.end(event.response ?? {});
        yield event;
      }
    } catch (error) {
      await call?.fail(error);
      throw error;
    }
  })();
}

async function begin(model: SdkModel, name: string | undefined, request: ModelRequest) {
  const frame = frames().getStore();
  if (frame === undefined) return undefined;
  const run = frame.nested ?? frame.current;
  run.throwIfStopped();
  if (frame.nested !== undefined && !frame.hasReceived) {
    frame.hasReceived = true;
    const text = userText(request.input);
    if (text !== undefined) await run.received(text);
  }
  const id = createEventId();
  await run.modelCalled(id, { model: name || nameOf(model), provider: "openai" });
  const finish = (result: ModelResult): Promise<void> => run.modelCompleted(id, result);
  return {
    fail: (error: unknown) => finish({ error }),
    async end({ usage, output = [] }: ModelResponse) {
      await finish({ usage: usageOf(usage) });
      for (const item of output) {
        if (item.type !== "hosted_tool_call") continue;
        const params = parsed(item.arguments ?? "{}");
        await run.hosted({ name: item.name ?? "", callId: item.id, params }, {
          result: item.output,
        });
      }
    },
  };
}

import { createEventId } from "../../internal/uuid.ts";
import type { ModelResult } from "../run.ts";
import { frames } from "./frame.ts";
import {
  type ModelRequest,
  type ModelResponse,
  nameOf,
  parsed,
  type SdkModel,
  type SdkRunner,
  usageOf,
} from "./sdk.ts";

/** Connected models, by the original models and by themselves. */
const models = new WeakMap<SdkModel, SdkModel>();

/** Connected providers of models. */
const providers = new WeakSet<object>();

/** Lets the models of a runner emit events, those that it gets by name included. */
export function connectConfig(config: SdkRunner["config"]): void {
  const { model, modelProvider } = config;
  config.model = connectModel(model);
  if (providers.has(modelProvider)) return; // agents used as tools inherit it
  const getModel = modelProvider.getModel.bind(modelProvider);
  config.modelProvider = Object.assign(Object.create(modelProvider), {
    getModel: async (name?: string) => observed(await getModel(name), name),
  });
  providers.add(config.modelProvider);
}

/** Returns a model that emits events, once for each model. Names of models are returned unchanged. */
export function connectModel<Model>(model: Model): Model {
  if (typeof model !== "object" || model === null) return model;
  const found = model as unknown as SdkModel;
  const connected = models.get(found) ?? observed(found);
  models.set(found, connected).set(connected, connected);
  return connected as Model;
}

/** Returns a model that emits events, for calls of runs that are connected. */
function observed(model: SdkModel, name?: string): SdkModel {
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
  const call = await begin(model, name);
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
  const begun = begin(model, name); // here, as a generator starts elsewhere
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

async function begin(model: SdkModel, name: string | undefined) {
  const frame = frames().getStore();
  if (frame === undefined) return undefined;
  const run = frame.current;
  run.throwIfStopped();
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

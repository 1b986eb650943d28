import process from "node:process";
import { createHooks } from "@omniagent/hooks";
import { otel } from "@omniagent/hooks/otel";
import { compare, loopSample, type Measurement, type Operation, spread } from "../sampler.ts";
import { event } from "./_event.ts";
import type { Row } from "./row.ts";

const NAME = "emit, 1 sync handler, with ./otel";
/** Samples of the absolute cost. */
const SAMPLES = 21;

/** What telemetry costs per emit. Without it, `dispatch` rows are all there is. */
export const telemetryRows: readonly Row[] = [
  {
    name: NAME,
    against: "without telemetry",
    inside: async () => compare(await emitting("sdk"), await emitting()),
  },
  {
    name: `${NAME}, no SDK`,
    against: "without telemetry",
    inside: async () => compare(await emitting("none"), await emitting()),
  },
  { name: NAME, against: "per emit", unit: "ms", inside: perEmit },
];

/** An emit to one handler: without telemetry, or with `otel` and an SDK that exports nothing, or none. */
async function emitting(telemetry?: "sdk" | "none"): Promise<Operation> {
  const api = await import("@opentelemetry/api");
  let used: typeof api = api;
  if (telemetry === "sdk") {
    const { BasicTracerProvider } = await import("@opentelemetry/sdk-trace-base");
    const provider = new BasicTracerProvider();
    // What the context manager of OpenTelemetry does, which can't be bundled for all runtimes at once.
    const { AsyncLocalStorage } = process.getBuiltinModule("node:async_hooks");
    const active = new AsyncLocalStorage<ReturnType<typeof api.context.active>>();
    // Not registered globally: the other side has none.
    used = {
      ...api,
      trace: Object.assign(Object.create(api.trace), {
        getTracer: (name: string) => provider.getTracer(name),
      }),
      context: Object.assign(Object.create(api.context), {
        active: () => active.getStore() ?? api.ROOT_CONTEXT,
        with: active.run.bind(active),
      }),
    } as typeof api;
  }
  const hooks = createHooks(telemetry ? { telemetry: otel(used) } : {});
  hooks.on(event.type, () => {});
  return () => hooks.emit(event.type, event.data);
}

async function perEmit(): Promise<Measurement> {
  const sample = loopSample(await emitting("sdk"));
  const times: number[] = [];
  for (let n = -4; n < SAMPLES; n++) {
    const time = await sample();
    if (n >= 0) times.push(time);
  }
  return spread(times);
}

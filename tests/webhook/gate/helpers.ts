/**
 * Helpers for the tests of gates over HTTP: hooks with one gate, and a decision about a call.
 * @module
 */
import { createHooks, type HookEvent } from "@omniagent/hooks";
import type { Decision, GateDecidedData, GateRecord, GatesOptions } from "@omniagent/hooks/gates";
import { WebhookGate, type WebhookGateOptions } from "@omniagent/hooks/webhook";
import { silentLogger } from "../../support/silent_logger.ts";

export const CALL = { name: "bash", params: { command: "rm -rf /" } };

/** Hooks with a gate over HTTP, what it decided, and whether the tool ran. */
export function gated(options: Partial<WebhookGateOptions>, gates?: GatesOptions) {
  const hooks = createHooks({ logger: silentLogger, ...(gates && { gates }) });
  const records: GateDecidedData[] = [];
  const events: HookEvent[] = [];
  hooks.on("*", (event) => void events.push(event as HookEvent));
  hooks.on("gate.decided", (event) => void records.push(event.data as GateDecidedData));
  const gate = new WebhookGate({
    name: "policy",
    events: ["tool.called"],
    url: "https://policy.example/",
    ...options,
  });
  hooks.use(gate);
  return {
    hooks,
    gate,
    events,
    records,
    decide: (): Promise<Decision> => hooks.decide("tool.called", CALL),
    /** The record of the gate in the last decision. */
    last: () => records.at(-1)!.gates.at(-1) as unknown as GateRecord,
  };
}

/** A `fetch` without a network, and the requests that it was given. */
export function fakeGate(
  respond: (request: Request, body: string) => Response | Promise<Response>,
) {
  const requests: { readonly headers: Headers; readonly body: string; readonly url: string }[] = [];
  const send = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    const body = await request.text();
    requests.push({ headers: request.headers, body, url: request.url });
    return await respond(request, body);
  };
  return { fetch: send as typeof fetch, requests };
}

/**
 * The gate server that the soak kills: denies calls by their numbers.
 * @module
 */
import { deny } from "@omniagent/hooks/gates";
import { gateReceiver } from "@omniagent/hooks/webhook";
import { isDenied } from "./orders.ts";

const [port, secret] = Deno.args;
const receive = gateReceiver(({ data }) => {
  const { n } = (data as { readonly params: { readonly n: number } }).params;
  return isDenied("remote", n) ? deny("remote") : undefined;
}, { secret: secret! });
Deno.serve({ port: Number(port), hostname: "127.0.0.1", onListen() {} }, receive);

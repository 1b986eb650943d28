import type { Hono } from "hono";
import { routePath } from "hono/route";
import { type AppEnv, type AppState, respond } from "../context.ts";
import { createHandler } from "../router.ts";

/** The console, once it was opened: apps without it load none of its pages. */
let loading: Promise<typeof import("./console.ts")> | undefined;

/** Adds the web console at `/console`. */
export function addConsole(app: Hono<AppEnv>, state: AppState): void {
  // Links in the console are relative, so that it works wherever the app is mounted: they need the slash.
  const redirect = createHandler(state, "/console", (c) => {
    return respond(c, 308, null, { location: `console/${new URL(c.req.raw.url).search}` });
  });
  app.get("/console", redirect);
  app.all("/console/:path{.*}", async (c) => {
    const { respondConsole, respondConsoleProblem } = await (loading ??= import("./console.ts"));
    const depth = routePath(c).split("/").length - 1; // slashes before what the console routes
    const handle = createHandler(
      state,
      "/console/*",
      (c) => respondConsole(c, depth),
      (c, problem) => respondConsoleProblem(c, problem, depth),
    );
    return await handle(c);
  });
}

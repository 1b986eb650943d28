/**
 * The table of the console's routes, which the tests of its security go through.
 * @module
 */
import assert from "node:assert/strict";
import { consoleRoutes } from "../../../src/hono/console/console.ts";
import { CONSOLE_ROUTES } from "../../support/console_routes.ts";
import { test } from "../../support/harness.ts";

test("the tests of the console try every page and action, and each needs a scope", () => {
  const describe = (method: string, path: string, scopes: readonly string[]): string =>
    `${method} ${path}: ${scopes.join(" or ") || "none"}`;
  const actual = consoleRoutes.map(({ method, path, scope }) => {
    return describe(method, path, [scope].flat());
  });
  const tried = CONSOLE_ROUTES.map(({ method, path, scopes }) => describe(method, path, scopes));
  assert.deepEqual(actual.sort(), tried.sort());
  assert.ok(actual.every((one) => !one.endsWith(": none")));
});

/**
 * The import table of the house: which folder of `src/` may import which, and what from npm.
 * Everything else is refused.
 * @module
 */
import { filesBelow, output, rootUrl } from "../../tools/run.ts";

/** What one folder may import, beside itself. */
interface Row {
  readonly folders: readonly string[];
  /** Whether others may import any of its files, not only `mod.ts` and its doors. */
  readonly open?: boolean;
  readonly packages?: readonly string[];
  /** Further doors beside `mod.ts`, each with the packages that it alone may import. */
  readonly doors?: Readonly<Record<string, readonly string[]>>;
  /** Further packages, each with the files that alone may import it. */
  readonly packagesOf?: Readonly<Record<string, readonly string[]>>;
}

/**
 * The table, from the bottom up. `mod.ts` is the root entry. Nothing imports `testing` and `cli`, except
 * that the command uses `testing`.
 */
export const table: Readonly<Record<string, Row>> = {
  internal: { folders: [], open: true },
  store: {
    folders: ["internal"],
    doors: {
      "entry.ts": [],
      "errors.ts": [],
      "scoped_store.ts": [],
      "sqlite_failure.ts": [],
    },
  },
  core: {
    folders: ["internal", "store"],
    doors: {
      "agent_event_schemas.ts": [],
      "create_entry.ts": [],
      "define_hook.ts": [],
      "errors.ts": [],
      "event_codec.ts": [],
      "event_rules.ts": [],
      "gates/ask_link.ts": [],
      "list_metrics.ts": [],
      "metrics.ts": [],
      "gates/merge_verdicts.ts": [],
      "gates/limits.ts": [],
      "gates/recorded_text.ts": [],
      "gates/verdict.ts": [],
      "recorder.ts": [],
      "registration.ts": [],
      "reporter.ts": [],
      "retry_policy.ts": [],
      "snapshot.ts": [],
      "telemetry.ts": [],
    },
  },
  // Types of core only: what reads a dialect loads no registry.
  dialects: {
    folders: ["internal", "core"],
    // Webhooks and the configuration load one dialect, not all.
    doors: { "claude_code_gate.ts": [] },
  },
  webhook: {
    folders: ["internal", "store", "core", "dialects"],
    doors: {
      "cloudevents/decode.ts": [],
      // The root entry and the configuration only need what sends.
      "errors.ts": [],
      "filter.ts": [],
      "gate/options.ts": [],
      "gate/webhook_gate.ts": [],
      "limits.ts": [],
      "address_guard.ts": [],
      "address_ranges.ts": [],
      "options.ts": [],
      "request_rules.ts": [],
      "secrets.ts": [],
      "webhook_hook.ts": [],
      "handshake.ts": [],
    },
  },
  adapters: {
    folders: ["internal", "core", "dialects"],
  },
  otel: { folders: ["internal", "core"] },
  outbox: {
    folders: ["internal", "store", "core"],
    doors: {
      "commit.ts": [],
      "errors.ts": [],
      "limits.ts": [],
      "types.ts": [],
      // The layout of the store, of which stored webhooks are a part.
      "prepare.ts": [],
      "records.ts": [],
      "store_client.ts": [],
    },
  },
  "stores/kv": {
    folders: ["internal", "store"],
    doors: { "errors.ts": [] },
  },
  "stores/postgres": { folders: ["internal", "store"], doors: { "postgres_store.ts": [] } },
  "stores/sqlite": {
    folders: ["internal", "store"],
    // What `hooks serve` and `hooks store copy` need to know of a file.
    doors: { "read_file.ts": [] },
  },
  "stores/node": { folders: ["internal", "store", "stores/kv"], packages: ["@deno/kv"] },
  config: {
    folders: ["internal", "core", "dialects", "webhook"],
    doors: {
      "yaml.ts": [],
      "config.ts": [],
      "duration.ts": [],
      "webhook_fields.ts": [],
    },
    // Only the YAML entry: `./config` itself has no dependency.
    packagesOf: { "js-yaml": ["yaml/parse_yaml.ts"] },
  },
  webhook_store: {
    folders: ["internal", "store", "core", "webhook", "outbox", "config"],
    doors: { "errors.ts": [], "store_hook.ts": [] },
  },
  "mod.ts": { folders: ["internal", "store", "core", "webhook"] },
  hono: {
    folders: ["internal", "store", "core", "dialects", "webhook", "outbox", "webhook_store"],
    packages: ["hono", "valibot", "@valibot/to-json-schema"],
    // The JSON forms, as types: the command has no other use for them.
    doors: {
      "asks.ts": [],
      "decisions.ts": [],
      "deliveries.ts": [],
      "events.ts": [],
      "post_events.ts": [],
      "targets.ts": [],
      "webhooks.ts": [],
    },
  },
  testing: { folders: ["internal", "store", "core", "webhook"] },
  cli: {
    folders: [
      "internal",
      "store",
      "core",
      "dialects",
      "webhook",
      "outbox",
      "stores/kv",
      "stores/node",
      "stores/postgres",
      "stores/sqlite",
      "config",
      "webhook_store",
      "hono",
      "testing",
    ],
    packages: ["commander"],
  },
};

/**
 * The imports of each file: paths from the root, or `npm:name`, `node:name`, whatever else was
 * written.
 */
export type Graph = Readonly<Record<string, readonly string[]>>;

/** Every import that the table refuses, as a sentence. */
export function refusedImports(graph: Graph): string[] {
  return Object.entries(graph).flatMap(([file, imports]) =>
    imports.flatMap((target) => {
      const reason = violationOf(file, target);
      return reason === undefined ? [] : [`${file} imports ${target}: ${reason}`];
    })
  );
}

/** Everything that a file pulls in, through whatever it imports, and itself. */
export function reached(graph: Graph, file: string): string[] {
  const seen = new Set([file]);
  for (const at of seen) graph[at]?.forEach((target) => seen.add(target));
  return [...seen].sort();
}

/** What of it is outside of the repository. */
export function dependencies(graph: Graph, file: string): string[] {
  return reached(graph, file).filter((target) => !(target in graph));
}

function violationOf(file: string, target: string): string | undefined {
  const from = folderOf(file);
  const row = table[from];
  if (row === undefined) return `'${from}' has no row in the import table`;
  if (target.startsWith("node:")) return undefined; // house_lint.ts checks its position
  const to = folderOf(target);
  if (target.includes(":")) return packageViolationOf(row, file, target);
  if (isPrivate(target) && !file.startsWith(directory(target))) {
    return "a private file never leaves its folder";
  }
  if (from === to) return undefined;
  if (!row.folders.includes(to)) return `${from} may not import ${to}`;
  if (table[to]?.open) return undefined;
  const doors = ["mod.ts", ...Object.keys(table[to]?.doors ?? {})].map((door) =>
    `src/${to}/${door}`
  );
  return doors.includes(target) ? undefined : `${to} is entered by its mod.ts`;
}

function packageViolationOf(row: Row, file: string, target: string): string | undefined {
  const own = file.slice(`src/${folderOf(file)}/`.length);
  const few = Object.entries(row.packagesOf ?? {}).filter(([, files]) => files.includes(own));
  const names = [...row.packages ?? [], ...row.doors?.[own] ?? [], ...few.map(([name]) => name)];
  const allowed = names.map((name) => `npm:${name}`);
  return allowed.includes(target) ? undefined : "not a package that this folder may import";
}

/** `core` for a file of src/core/ at any depth, `stores/kv` for one of a store, `mod.ts` for itself. */
function folderOf(path: string): string {
  if (!path.startsWith("src/")) return path;
  const [, folder, sub] = path.split("/") as [string, string, string];
  return folder === "stores" ? `${folder}/${sub}` : folder;
}

function directory(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}

function isPrivate(path: string): boolean {
  return path.slice(path.lastIndexOf("/") + 1).startsWith("_");
}

/**
 * The graph of some files and of all that they import, as Deno resolves it. Without the imports of types alone,
 * it is what a program loads; without dynamic ones either, what it loads at its start.
 */
export async function readGraph(
  files: readonly string[],
  { types = true, dynamic = true }: {
    readonly types?: boolean;
    readonly dynamic?: boolean;
  } = {},
): Promise<Graph> {
  const all = files.map((file) => `import "${new URL(file, rootUrl).href}";`).join("");
  const info = await output("deno", ["info", "--json", `data:text/typescript,${all}`]);
  if (!info.success) throw new Error(info.all);
  const { modules } = JSON.parse(info.stdout) as { readonly modules: readonly Module[] };
  const local = modules.filter((module) => module.specifier.startsWith("file:"));
  return Object.fromEntries(local.map(({ specifier, dependencies = [] }) => [
    relative(specifier),
    dependencies
      .filter(({ code, isDynamic = false }) =>
        (types || code !== undefined) && (dynamic || !isDynamic)
      )
      .map(({ code, type, specifier: written }) => relative((code ?? type)?.specifier ?? written)),
  ]));
}

/** The package as it ships: `mod.ts` and every file below `src/`. */
export async function packagedFiles(): Promise<string[]> {
  return ["mod.ts", ...(await filesBelow("src")).filter((path) => /\.tsx?$/.test(path))];
}

interface Module {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly specifier: string;
    readonly isDynamic?: boolean;
    readonly code?: { readonly specifier?: string };
    readonly type?: { readonly specifier?: string };
  }[];
}

/** A path from the root, or `npm:name` without a version. */
function relative(specifier: string): string {
  if (specifier.startsWith(rootUrl.href)) return specifier.slice(rootUrl.href.length);
  return specifier.replace(/^(npm|jsr):\/?(@[^/]+\/[^/@]+|[^/@]+).*$/, "$1:$2");
}

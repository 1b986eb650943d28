/**
 * Configuration from YAML text: issues have line and column, and show the line. Uses js-yaml, which knows
 * the place of each value. To use another parser, such as `@std/yaml`, pass what it returns to
 * `parseConfig` of `./config`; issues then have the path only.
 *
 * ```ts
 * import { ConfigError } from "@omniagent/hooks/config";
 * import { loadConfig } from "@omniagent/hooks/config/yaml";
 *
 * try {
 *   loadConfig("storage: { pth: hooks.db }", { env: {}, file: "hooks.yaml" });
 * } catch (error) {
 *   if (!(error instanceof ConfigError)) throw error;
 *   console.log(error.report({ color: true })); // hooks.yaml:1:12 … storage.pth is unknown; did you mean path?
 * }
 * ```
 *
 * @module
 */
import { inspect } from "../internal/validate.ts";
import type { ConfigOptions, HooksConfig } from "./config.ts";
import {
  ConfigError,
  type ConfigIssue,
  formatIssue,
  type Issue,
  limitIssues,
} from "./config_error.ts";
import { printable } from "./display.ts";
import { fileSchema } from "./fields.ts";
import { checkConfig, checkOptions } from "./parse_config.ts";
import { acceptsMapping, childSchema, type Schema } from "./schema.ts";
import { codeFrames, type Mask, maskDocument, maskWords } from "./yaml/code_frame.ts";
import {
  type Entry,
  type Node,
  parseYaml,
  type Place,
  type PlacedIssue,
  Source,
} from "./yaml/parse_yaml.ts";

/**
 * Largest text, in bytes or UTF-16 code units: js-yaml parses that much in well under 100 ms, whatever it
 * contains.
 */
const MAX_SIZE = 128 * 1024;

/**
 * Reads a configuration from YAML 1.2 (which includes JSON), and expands its variables.
 *
 * Rejects text of more than 128 KiB, tags, merge keys, several documents, more than 20 aliases and more
 * than 50 levels. Bytes must be UTF-8.
 *
 * ```ts
 * import { createHooks } from "@omniagent/hooks";
 * import { hooksFromConfig } from "@omniagent/hooks/config";
 * import { loadConfig } from "@omniagent/hooks/config/yaml";
 *
 * const text = `
 * hooks:
 *   webhooks:
 *     - name: audit
 *       events: [tool.*, message.sent]
 *       url: https://\${HOST}/events
 *       timeout: 5s
 * `;
 * const config = loadConfig(text, { env: { HOST: "audit.example.com" }, file: "hooks.yaml" });
 * const hooks = createHooks({ use: hooksFromConfig(config) });
 * await hooks.close();
 * ```
 *
 * @throws {ConfigError} with the first syntax error, or with every other issue in the order of the text
 * @throws {TypeError} when an argument is invalid
 */
export function loadConfig(text: string | Uint8Array, options: ConfigOptions): HooksConfig {
  const subject = "Cannot load configuration";
  if (typeof text !== "string" && !(text instanceof Uint8Array)) {
    throw new TypeError(`${subject}: the text must be a string or bytes, got ${inspect(text)}`);
  }
  checkOptions(subject, options);
  return load(text, options);
}

/**
 * Reads a configuration from a file as `loadConfig` does, on Deno, Bun and Node.
 *
 * @param path The file, whose name messages use unless `file` is set
 * @throws {ConfigError} when the file can't be read, or as `loadConfig` does
 * @throws {TypeError} when an argument is invalid
 */
export async function loadConfigFile(
  path: string | URL,
  options: ConfigOptions,
): Promise<HooksConfig> {
  const subject = "Cannot load configuration file";
  if (!(path instanceof URL) && (typeof path !== "string" || path === "")) {
    throw new TypeError(`${subject}: the path must be a string or a URL, got ${inspect(path)}`);
  }
  checkOptions(subject, options);
  const file = options.file ?? String(path);
  return load(await readFile(path, file), { ...options, file });
}

function load(text: string | Uint8Array, { env, file, onWarning }: ConfigOptions): HooksConfig {
  const source = new Source(decode(text, file));
  const document = parseYaml(source);
  if (document.issues) {
    throw new ConfigError(locate(source, maskWords(source.text), document.issues), file);
  }
  const { value, tree } = document;
  const { config, issues, warnings } = checkConfig(value, env);
  const withPlace = (issue: Issue) => ({ ...issue, place: placeOf(tree.root, issue) });
  const found = [...tree.duplicates.filter(isKnownMapping), ...issues.map(withPlace)];
  if (found.length === 0 && (warnings.length === 0 || !onWarning)) return config;
  const mask = maskDocument(source.text, tree);
  if (found.length > 0) throw new ConfigError(locate(source, mask, found), file);
  for (const warning of locate(source, mask, warnings.map(withPlace))) onWarning!(warning);
  return config;
}

/** Returns whether an issue is in a mapping whose keys may be shown: elsewhere they may be secret. */
function isKnownMapping({ path }: Issue): boolean {
  let schema: Schema | undefined = fileSchema;
  for (const key of path.slice(0, -1)) schema = schema && childSchema(schema, key);
  return schema !== undefined && acceptsMapping(schema);
}

/** Returns the place of an issue, or of the closest thing around it. */
function placeOf(root: Node | undefined, { path, on }: Issue): Place {
  if (root === undefined) return { start: 0, end: 0 };
  let entry: Entry | undefined = { site: root, node: root };
  let nearest: Place = root;
  for (const key of path) {
    entry = entry.node.entries?.get(String(key));
    if (entry === undefined) return nearest;
    nearest = entry.key ?? entry.site;
  }
  return on === "key" && entry.key ? entry.key : entry.site;
}

/** Formats issues with line, column and code frame, in the order of the text. */
function locate(source: Source, mask: Mask, issues: readonly PlacedIssue[]): ConfigIssue[] {
  const frame = codeFrames(source, mask);
  const sorted = [...issues].sort((a, b) => a.place.start - b.place.start);
  return limitIssues(sorted).map((issue) => {
    const start = Math.min(issue.place.start, source.text.length);
    return {
      ...formatIssue(issue),
      line: source.lineOf(start),
      column: source.columnOf(start),
      frame: frame(issue.place),
    };
  });
}

/** Decodes a text, without its byte order mark. */
function decode(text: string | Uint8Array, file: string | undefined): string {
  if (text.length > MAX_SIZE) {
    throw fileError("too_large", `is larger than ${MAX_SIZE / 1024} KiB`, file);
  }
  if (typeof text === "string") return text.replace(/^\ufeff/, "");
  try {
    return decodeUtf8(text);
  } catch {
    throw fileError("unreadable", describeEncoding(text), file);
  }
}

function decodeUtf8(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes); // drops a byte order mark
}

function describeEncoding(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    return "is UTF-16: save it as UTF-8";
  }
  const before = new TextDecoder().decode(bytes).split("\ufffd", 1)[0]!;
  const line = before.split("\n").length;
  return `is not UTF-8: line ${line} has an invalid byte`;
}

function fileError(
  code: "too_large" | "unreadable",
  problem: string,
  file: string | undefined,
): ConfigError {
  return new ConfigError([formatIssue({ code, problem, path: [] })], file);
}

/** Reads a file up to the size limit: it may be a device that never ends. */
async function readFile(path: string | URL, file: string): Promise<Uint8Array> {
  const buffer = new Uint8Array(MAX_SIZE + 1);
  let length = 0;
  try {
    const handle = await (await importFileSystem()).open(path);
    try {
      for (let read = -1; read !== 0 && length < buffer.length; length += read) {
        read = (await handle.read(buffer, length, buffer.length - length)).bytesRead;
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileError("unreadable", describeFailure(error), file);
  }
  return buffer.subarray(0, length);
}

/** The part of `node:fs/promises` that is used. */
interface FileSystem {
  open(path: string | URL): Promise<{
    read(buffer: Uint8Array, offset: number, length: number): Promise<{ bytesRead: number }>;
    close(): Promise<void>;
  }>;
}

/** Imports `node:fs`. Its name is a parameter to hide it from bundlers that build for the edge. */
function importFileSystem(name = "node:fs/promises"): Promise<FileSystem> {
  return import(name);
}

/** Descriptions of system errors. */
const FAILURES: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  EISDIR: "is a directory",
  EACCES: "can't be read: permission denied",
  EPERM: "can't be read: permission denied",
  ENOTDIR: "does not exist: a part of its path is a file",
};

function describeFailure(error: unknown): string {
  const { code = "", message = "" } = error as {
    readonly code?: string;
    readonly message?: string;
  };
  if (Object.hasOwn(FAILURES, code)) return FAILURES[code]!;
  return `can't be read: ${printable(message.split("\n", 1)[0]!)}`;
}

import { checkObject, show } from "../core/kit.ts";
import type { Fault } from "./_reader.ts";
import { pathText, visiblePath } from "./_report.ts";
import type { ConfigOptions } from "./config.ts";
import type { ConfigIssue } from "./config_error.ts";

/** Checks what a caller gave beside the configuration. */
export function checkOptions(subject: string, options: ConfigOptions): void {
  checkObject(subject, "the options", options);
  const { env, file } = options;
  if (env === null || !/^(function|object)$/.test(typeof env)) {
    throw new TypeError(
      `${subject} as 'env' must be a function or an object of variables: current value is ${
        show(env)
      }`,
    );
  }
  if (file !== undefined && typeof file !== "string") {
    throw new TypeError(`${subject} as 'file' must be a name: current value is ${show(file)}`);
  }
}

/** A fault as it is reported. */
export function toIssue(fault: Fault): ConfigIssue {
  const { code, problem, accepted, found, suggestion, hint } = fault;
  const path = visiblePath(fault.path);
  const message = [
    found === undefined ? problem : `${problem}: current value is ${found}`,
    ...(suggestion === undefined ? [] : [`; did you mean ${suggestion}?`]),
    ...(hint === undefined ? [] : [suggestion === undefined ? `; ${hint}` : ` (${hint})`]),
  ].join("");
  return {
    code,
    path,
    at: pathText(path),
    message,
    ...(accepted !== undefined && { accepted }),
    ...(found !== undefined && { found }),
    ...(suggestion !== undefined && { suggestion }),
  };
}

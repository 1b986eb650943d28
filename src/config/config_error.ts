import { renderReport } from "./_report.ts";

/**
 * What kind of fault it is. These codes are stable:
 *
 * - `unreadable`: no file, a directory, not allowed, not UTF-8, or a value that throws when it is read;
 * - `too_large`: over a limit on size, depth, aliases or number of faults;
 * - `syntax`: not YAML, or a part of YAML that is not read, such as tags and several documents;
 * - `duplicate`: a key, a name or a token is there twice;
 * - `unknown_key`, `missing_key`: a field that is not known, or one that has to be there;
 * - `invalid_type`, `invalid_value`: a value of the wrong kind, or one that is not accepted;
 * - `variable`: `${…}` names a variable that is not set, or is not well formed;
 * - `conflict`: two fields that exclude one another;
 * - `never_matches`: a warning: a filter that no event passes.
 */
export type ConfigIssueCode =
  | "unreadable"
  | "too_large"
  | "syntax"
  | "duplicate"
  | "unknown_key"
  | "missing_key"
  | "invalid_type"
  | "invalid_value"
  | "variable"
  | "conflict"
  | "never_matches";

/** One fault. Nothing in it holds a secret, a token, a header's value, or the value of a variable. */
export interface ConfigIssue {
  /** What kind of fault it is. */
  readonly code: ConfigIssueCode;
  /** The keys from the top to the value. */
  readonly path: readonly (string | number)[];
  /** The same as text, such as `hooks.webhooks[2].retry_delay`; empty for the top. */
  readonly at: string;
  /** What is wrong, as a sentence that follows `at`. */
  readonly message: string;
  /** What would be accepted. */
  readonly accepted?: string;
  /** What was found, where it may be shown. */
  readonly found?: string;
  /** What may have been meant. */
  readonly suggestion?: string;
  /** The line, from 1; only where the text is known. */
  readonly line?: number;
  /** The column, from 1, in UTF-16 code units. */
  readonly column?: number;
  /** The line and the one before it, with numbers and carets; whatever may be secret is `…`. */
  readonly frame?: string;
}

/** How a report is written. */
export interface ReportOptions {
  /** Whether ANSI colours are used. @default {false} */
  readonly color?: boolean | undefined;
}

/** A configuration can't be used. Its message is the whole report; `issues` has the same as values. */
export class ConfigError extends Error {
  /** The class's name. */
  override readonly name = "ConfigError";
  /** Stable. */
  readonly code = "config_invalid";
  /** Every fault, in the order of the file. */
  readonly issues: readonly ConfigIssue[];
  /** What the file is called; undefined when that was not said. */
  readonly file: string | undefined;

  /** An error for the faults of a file. */
  constructor(issues: readonly ConfigIssue[], file?: string) {
    super(renderReport(issues, file, false));
    this.issues = issues;
    this.file = file;
  }

  /** The report as text: for each fault where it is, what is wrong, and the lines that hold it. */
  report(options: ReportOptions = {}): string {
    return renderReport(this.issues, this.file, options.color ?? false);
  }
}

/** A fault that the user can do something about: it is printed without a stack. */
export class CommandError extends Error {
  /** Always `CommandError`. */
  override readonly name = "CommandError";
  /** What the process ends with: 1 failed, 2 used wrongly. */
  readonly exitCode: 1 | 2;
  /** Further lines: each issue, or what to do. */
  readonly details: readonly string[];

  /** A fault with further lines below its message. */
  constructor(message: string, details: readonly string[] = [], exitCode: 1 | 2 = 1) {
    super(message);
    this.details = details;
    this.exitCode = exitCode;
  }
}

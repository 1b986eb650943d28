/** The version of the package: what `hooks --version` prints. */
export const VERSION = "0.1.0";

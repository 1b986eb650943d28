/**
 * A validator of any library that follows [Standard Schema](https://standardschema.dev), version 1:
 * valibot, zod, arktype and others. Types only, so that no library is needed here.
 */
export type StandardSchemaV1<Input = unknown, Output = Input> = {
  /** What the specification defines. */
  readonly "~standard": {
    /** The version of the specification. */
    readonly version: 1;
    /** The name of the library. */
    readonly vendor: string;
    /** The types. Never a value. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
    /** Validates a value. Returns the value, or issues. */
    readonly validate: (
      value: unknown,
    ) =>
      | { readonly value: Output; readonly issues?: undefined }
      | { readonly issues: readonly StandardIssue[] }
      | Promise<
        { readonly value: Output; readonly issues?: undefined } | {
          readonly issues: readonly StandardIssue[];
        }
      >;
  };
};

/** What is wrong with a value, and where. */
export type StandardIssue = {
  /** What is wrong. */
  readonly message: string;
  /** The keys and indices that lead to the part that is wrong; absent or empty for the value itself. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
};

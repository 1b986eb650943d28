/**
 * A validator of any library that follows [Standard Schema](https://standardschema.dev), version 1:
 * valibot, zod, arktype and others. Types only, so that no library is needed here.
 */
export type StandardSchemaV1<Input = unknown, Output = Input> = {
  /** What the specification defines. */
  readonly "~standard": {
    /** The version of the specification. */
    readonly version: 1;
    /** The library. */
    readonly vendor: string;
    /** Types alone, never a value. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
    /** Judges a value. */
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
  };
};

/** What a Standard Schema answers: a value, or the faults. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

/** One fault of a value, with the path to it. */
export type StandardIssue = {
  /** What is wrong. */
  readonly message: string;
  /** Keys and indices that lead to the fault; absent or empty: the value itself. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
};

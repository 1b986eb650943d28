/** A media type (RFC 9110, section 8.3.1), as far as it matters here. */
export type MediaType = {
  /** Type and subtype in lower case. */
  readonly essence: string;
  /** The parameter `charset` in lower case. */
  readonly charset: string | undefined;
};

/** Longest media type. Real ones are far below: RFC 6838 allows 127 characters for each of its names. */
const MAX_LENGTH = 1024;
const TOKEN = "[\\w!#$%&'*+.^`|~-]+";
const ESSENCE = /* @__PURE__ */ new RegExp(`^(${TOKEN}/${TOKEN})(?=[ \\t]*(?:;|$))`);
/** One parameter at a time: a single pattern for all of them could backtrack without end. */
const PARAMETER = /* @__PURE__ */ new RegExp(
  `[ \\t]*;[ \\t]*(?:(${TOKEN})=(?:(${TOKEN})|"([^"\\\\]*(?:\\\\.[^"\\\\]*)*)"))?`,
  "y",
);

/** The media type of a text; undefined if it is none. */
export function parseMediaType(text: unknown): MediaType | undefined {
  if (typeof text !== "string" || text.length > MAX_LENGTH) return undefined;
  const essence = ESSENCE.exec(text)?.[1];
  if (essence === undefined) return undefined;
  let charset: string | undefined;
  let end = essence.length;
  PARAMETER.lastIndex = end;
  for (let match = PARAMETER.exec(text); match !== null; match = PARAMETER.exec(text)) {
    const [, name, token, quoted = ""] = match;
    if (name?.toLowerCase() === "charset") {
      charset ??= (token ?? quoted.replace(/\\(.)/g, "$1")).toLowerCase();
    }
    end = PARAMETER.lastIndex;
  }
  if (text.slice(end).trim() !== "") return undefined;
  return { essence: essence.toLowerCase(), charset };
}

/** Whether it is JSON: `…/json` or `…/…+json` (JSON format 1.0.2, section 3.1.1). */
export function isJson({ essence }: MediaType): boolean {
  return /[/+]json$/.test(essence);
}

/** Whether it is text for people or XML, so that a string can hold it. */
export function isText({ essence }: MediaType): boolean {
  return /^text\/|[/+]xml$/.test(essence);
}

/** Whether its bytes are UTF-8, which is so unless it says otherwise. */
export function isUtf8({ charset }: MediaType): boolean {
  return charset === undefined || /^(?:utf-?8|us-ascii)$/.test(charset);
}

import { encodeBase64 } from "../core/kit.ts";

/** Takes what is secret out of texts that others made. */
export type Scrub = {
  /** The text without it. */
  text(text: string): string;
  /** The longest form of a secret, in characters: the end of a text that was cut may hold part of one. */
  readonly longest: number;
};

/** Shorter values say nothing, and to take them out would take everything out. */
const SHORTEST_VALUE = 3;
/** Words of a value, such as the token after `Bearer`, and parts of a URL. */
const SHORTEST_WORD = 6;
/** A signature of ours that came back (Standard Webhooks). */
const SIGNATURE = "v1a?,[A-Za-z0-9+/]{40,}={0,2}";

/** A part of a URL that looks like a token and not like a word. */
const TOKEN = /^(?=.*\d).{8,}$|^.{20,}$/;

/**
 * Takes values out, as they are and as JSON, HTML and URLs write them, and the words in them.
 *
 * @param values Whole secrets and header values
 * @param tokens The values among them whose words are secret too, such as `Bearer …`
 */
export function createScrub(values: readonly string[], tokens: readonly string[], url: URL): Scrub {
  const words = tokens.flatMap((value) => value.split(/[\s,;="]+/));
  const parts = (url.pathname + url.search).split(/[/?&=]+/).filter((part) => TOKEN.test(part));
  const secrets = [
    ...[...values, url.href, url.pathname + url.search, url.pathname].filter(
      isLong(SHORTEST_VALUE),
    ),
    ...words.filter(isLong(SHORTEST_WORD)),
    ...parts,
  ];
  const forms = [...new Set(secrets.flatMap(formsOf))];
  forms.sort((a, b) => b.length - a.length); // a whole one before its parts
  const pattern = new RegExp([...forms.map(escapeRegExp), SIGNATURE].join("|"), "gi");
  return {
    text: (text) => text.replace(pattern, "[redacted]"),
    longest: Math.max(128, forms[0]?.length ?? 0),
  };
}

/** How receivers write a value back: JSON of several languages, HTML, a URL, base64. */
function formsOf(secret: string): readonly string[] {
  const json = JSON.stringify(secret).slice(1, -1);
  const html = secret.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
  const unicode = (text: string, signs: RegExp): string =>
    text.replace(signs, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return [
    secret,
    json,
    json.replaceAll("/", "\\/"), // PHP
    unicode(json, /[<>&]/g), // Go
    unicode(json, /[^ -~]/g), // Python
    json.replaceAll("'", "\\'"),
    html,
    html.replaceAll(">", "&gt;"),
    html.replaceAll(">", "&gt;").replaceAll("'", "&#39;"),
    html.replaceAll(">", "&gt;").replaceAll("'", "&#x27;").replaceAll("/", "&#x2F;"),
    html.replaceAll(">", "&gt;").replaceAll("'", "&#39;").replaceAll("/", "&#x2F;"),
    encodeURIComponent(secret),
    new URLSearchParams([["", secret]]).toString().slice(1),
    encodeBase64(new TextEncoder().encode(secret)),
  ];
}

function isLong(shortest: number): (text: string) => boolean {
  return (text) => text.length >= shortest;
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

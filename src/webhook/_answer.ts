import type { Scrub } from "./_scrub.ts";

/** An endless answer is read so far, in bytes. */
const READ = 16 * 1024;
/** And kept so far, in bytes of UTF-8. */
const KEPT = 4 * 1024;

/** Reads the beginning of an answer and lets the rest go. */
export async function readAnswer(response: Response, scrub: Scrub): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return "";
  const bytes = new Uint8Array(READ);
  let length = 0;
  let ended = false;
  try {
    while (length < READ && !ended) {
      const { done, value } = await reader.read();
      ended = done;
      const part = value?.subarray(0, READ - length) ?? new Uint8Array();
      bytes.set(part, length);
      length += part.length;
    }
  } finally {
    if (!ended) reader.cancel().catch(() => {}); // gives the connection up
  }
  const text = scrub.text(new TextDecoder().decode(bytes.subarray(0, length)));
  const whole = ended ? text : text.slice(0, Math.max(0, text.length - scrub.longest));
  const { read } = new TextEncoder().encodeInto(whole, new Uint8Array(KEPT));
  return whole.slice(0, read);
}

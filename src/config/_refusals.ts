import { describe, type Reader, type Show } from "./_reader.ts";
import { mayRefer } from "./_variables.ts";

/** What to say of a key that is none in any mapping. */
export function keyHint(key: string, known?: ReadonlyMap<string, unknown>): string | undefined {
  if (key === "<<") {
    return "merge keys are not read: what webhooks share belongs under hooks.defaults";
  }
  if (mayRefer(key)) return "variables are put into values, not into keys";
  const [name = "", value] = key.split(":", 2);
  return value !== undefined && known?.has(name)
    ? `a space is missing after '${name}:'`
    : undefined;
}

/** Reports that a value is no mapping. */
export function refuse(
  value: unknown,
  reader: Reader,
  accepted: string,
  show: Show = "none",
  known?: ReadonlyMap<string, unknown>,
): undefined {
  reader.show(show);
  const found = describe(value, show);
  const hint = typeof value !== "string"
    ? undefined
    : mayRefer(value)
    ? "a variable stands for text, and for nothing else"
    : keyHint(value, known);
  reader.fault("invalid_type", { problem: `must be ${accepted}`, accepted, found, hint });
  return undefined;
}

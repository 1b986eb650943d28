import { longestPrefix } from "../../internal/truncate.ts";
import type { GateRecord } from "./merge_verdicts.ts";
import { MAX_TEXT } from "./limits.ts";

/** Says that a text was cut: a person must not take a part of a question for all of it. */
const MARK = " … [truncated]";

/** Returns a text as it is recorded. */
export function recordedText<Text extends string | undefined>(text: Text, max = MAX_TEXT): Text {
  if (text === undefined || text.length <= max) return text;
  return `${longestPrefix(text, ({ length }) => length <= max - MARK.length)}${MARK}` as Text;
}

/** Returns the record of a gate with texts that can be stored. */
export function withRecordedTexts<Texts extends Pick<GateRecord, "reason" | "internal">>(
  record: Texts,
  max = MAX_TEXT,
): Texts {
  const { reason = "", internal = "" } = record;
  if (reason.length <= max && internal.length <= max) return record;
  return {
    ...record,
    ...(reason !== "" && { reason: recordedText(reason, max) }),
    ...(internal !== "" && { internal: recordedText(internal, max) }),
  };
}

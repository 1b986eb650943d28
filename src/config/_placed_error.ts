import { framesOf, type Mask } from "./_frame.ts";
import { limitFaults } from "./_reader.ts";
import { toIssue } from "./_report.ts";
import type { Source } from "./_source.ts";
import type { PlacedFault } from "./_yaml_tree.ts";
import { ConfigError } from "./config_error.ts";

/** An error for faults whose places are known, in the order of the text. */
export function placedError(
  source: Source,
  mask: Mask,
  faults: readonly PlacedFault[],
  file: string | undefined,
): ConfigError {
  const ordered = [...faults].sort((a, b) => a.place.start - b.place.start);
  const frame = framesOf(source, mask);
  return new ConfigError(
    limitFaults(ordered).map((fault) => {
      const start = Math.min(fault.place.start, source.text.length);
      const line = source.lineOf(start);
      const column = start - source.bounds(line).start + 1;
      return { ...toIssue(fault), line, column, frame: frame(fault.place) };
    }),
    file,
  );
}

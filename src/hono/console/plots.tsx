/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";

/** A series of a plot. */
type PlotSeries = {
  readonly label: string;
  /** `1`: the accent; `2`: a second color, dashed where lines could be confused. */
  readonly color: 1 | 2;
  /** A value per step of time, the oldest first; undefined where nothing was measured. */
  readonly values: readonly (number | undefined)[];
};

/** Options of a plot. */
type PlotOptions = {
  readonly title: string;
  /** The value to show next to the title, such as the latest or the sum. */
  readonly headline: string;
  /** The label of the headline. */
  readonly caption: string;
  readonly kind: "bars" | "lines";
  readonly series: readonly PlotSeries[];
  /** The greatest value of the scale. @default the greatest of the values */
  readonly max?: number;
  /** Returns how a value is written. */
  readonly format: (value: number) => string;
  /** The labels at the left and right ends of the time axis. */
  readonly ends: readonly [from: string, to: string];
};

/** The size of the drawing, which is stretched to the available room. */
const WIDTH = 600;
const HEIGHT = 100;

/**
 * Renders a plot over time, drawn on the server. Its numbers must be on the page, too: a screen reader only gets
 * the title and the headline.
 */
export function Plot(options: PlotOptions): Child {
  const { title, headline, caption, kind, series, format, ends } = options;
  const values = series.flatMap((one) => one.values.filter((value) => value !== undefined));
  const max = options.max ?? niceMax(Math.max(0, ...values));
  const isEmpty = values.length === 0;
  return (
    <figure class="card plot">
      <figcaption>
        <span class="plot-title">{title}</span>
        <span class="plot-headline">{headline}</span>
        <span class="muted">{caption}</span>
      </figcaption>
      <div class="plot-area">
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={`${title}: ${headline}, ${caption}`}
        >
          {[0, 0.5, 1].map((part) => (
            <line
              class="grid"
              x1="0"
              x2={WIDTH}
              y1={part * HEIGHT}
              y2={part * HEIGHT}
            />
          ))}
          {kind === "bars"
            ? series.map((one) => <Bars series={one} max={max} format={format} />)
            : series.map((one) => <Line series={one} max={max} />)}
        </svg>
        <span class="plot-max" aria-hidden="true">{isEmpty ? "" : format(max)}</span>
        {isEmpty && <span class="plot-none muted">Nothing measured yet</span>}
      </div>
      <div class="plot-axis" aria-hidden="true">
        <span>{ends[0]}</span>
        {series.length > 1 && (
          <span class="legend">
            {series.map(({ label, color }) => <span class={`key c${color}`}>{label}</span>)}
          </span>
        )}
        <span>{ends[1]}</span>
      </div>
    </figure>
  );
}

function Bars(
  { series: { values, color }, max, format }: {
    series: PlotSeries;
    max: number;
    format: (value: number) => string;
  },
): Child {
  const step = WIDTH / values.length;
  return (
    <g class={`bars c${color}`}>
      {values.map((value, at) => {
        if (!value) return null;
        const height = Math.max(1.5, value / max * HEIGHT);
        return (
          <rect
            x={round(at * step + step * 0.14)}
            width={round(step * 0.72)}
            y={round(HEIGHT - height)}
            height={round(height)}
          >
            <title>{format(value)}</title>
          </rect>
        );
      })}
    </g>
  );
}

/** Renders a line with gaps where nothing was measured. A lone value is a short dash. */
function Line(
  { series: { values, color }, max }: { series: PlotSeries; max: number },
): Child {
  const step = WIDTH / values.length;
  let path = "";
  values.forEach((value, at) => {
    if (value === undefined) return;
    const x = at * step;
    const y = round(HEIGHT - Math.min(1, value / max) * HEIGHT);
    const isStart = values[at - 1] === undefined;
    path += `${isStart ? `M${round(x)} ${y}` : ""}L${round(x + step / 2)} ${y}`;
    if (values[at + 1] === undefined) path += `L${round(x + step)} ${y}`;
  });
  return <path class={`line c${color}`} d={path} />;
}

/** Renders a horizontal bar, as long as a part of the greatest one. */
export function Meter({ value, max }: { value: number; max: number }): Child {
  const width = max === 0 || value === 0 ? 0 : Math.max(1, value / max * 100);
  return (
    <svg class="meter" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
      <rect class="grid" width="100" height="6" />
      <rect class="fill" width={round(width)} height="6" />
    </svg>
  );
}

/** Returns the next greater round number, so that the scale is easy to read. */
function niceMax(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 3, 4, 5, 6, 8, 10].map((factor) => factor * power).find((nice) => nice >= value) ??
    value;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

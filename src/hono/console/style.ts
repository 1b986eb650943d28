/** The stylesheet of every page. */
export const style: string = `
:root {
  color-scheme: light dark;
  --canvas: #fafafb; --surface: #fff; --sunken: #f4f4f6; --line: #e6e6ea; --line-strong: #d3d4da;
  --text: #17181c; --muted: #5f6470; --accent: #4f46e5; --accent-hover: #4338ca; --on-accent: #fff;
  --accent-soft: #eeedfd; --ok: #12704a; --ok-soft: #e5f5ed; --warn: #8a5300; --warn-soft: #fdf1dc;
  --bad: #b42331; --bad-soft: #fdeaec; --info: #3b50b8; --info-soft: #e9edfc;
  --shadow: 0 1px 2px rgb(20 22 30 / .05);
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --canvas: #0d0e11; --surface: #14161a; --sunken: #1a1c21; --line: #24272d; --line-strong: #363a43;
    --text: #e9eaee; --muted: #9a9faa; --accent: #a5a2fb; --accent-hover: #bcb9fd; --on-accent: #14121f;
    --accent-soft: #24233d; --ok: #5cc996; --ok-soft: #12291f; --warn: #e2ae58; --warn-soft: #2d2312;
    --bad: #f4858f; --bad-soft: #351a1e; --info: #9db0ff; --info-soft: #1c2340; --shadow: none;
  }
}
*, ::before, ::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-padding-top: 1rem; }
body {
  margin: 0; background: var(--canvas); color: var(--text); font: 400 .875rem/1.5 var(--sans);
  font-variant-numeric: tabular-nums; -webkit-font-smoothing: antialiased;
}
h1, h2, h3, p, ul, ol, dl, dd, pre, figure, fieldset { margin: 0; padding: 0; }
h1 { font-size: 1.375rem; line-height: 1.3; font-weight: 620; letter-spacing: -.012em; overflow-wrap: anywhere; }
h2 { font-size: 1rem; line-height: 1.4; font-weight: 600; letter-spacing: -.005em; }
h3 { font-size: .875rem; font-weight: 600; }
a { color: var(--accent); text-decoration-thickness: 1px; text-underline-offset: 3px; }
a:hover { color: var(--accent-hover); }
code, pre, kbd { font-family: var(--mono); font-size: .8125rem; }
small { font-size: .75rem; }
.muted, .lead, small { color: var(--muted); }
.mono { font-family: var(--mono); font-size: .8125rem; overflow-wrap: anywhere; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
main:focus { outline: none; }
.unseen {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
.skip {
  position: absolute; left: .75rem; top: -4rem; z-index: 9; padding: .5rem .875rem; border-radius: 6px;
  background: var(--accent); color: var(--on-accent);
}
.skip:focus { top: .75rem; color: var(--on-accent); }

/* The frame: navigation above the content, beside it on a wide screen. */
.side { background: var(--surface); border-bottom: 1px solid var(--line); }
.brand {
  display: inline-flex; align-items: center; gap: .5rem; color: var(--text); font-weight: 620;
  text-decoration: none;
}
.mark rect { fill: #4f46e5; }
.mark path { fill: none; stroke: #fff; stroke-width: 2; stroke-linecap: round; }
.side { display: grid; grid-template-columns: 1fr auto; align-items: center; padding: .625rem 1rem 0; gap: .25rem 1rem; }
.side nav { grid-column: 1 / -1; grid-row: 2; overflow-x: auto; margin: 0 -1rem; padding: 0 1rem; scrollbar-width: none; }
.side ul { display: flex; gap: .25rem; list-style: none; }
.side li a {
  display: block; padding: .5rem .625rem; color: var(--muted); text-decoration: none; white-space: nowrap;
  border-bottom: 2px solid transparent;
}
.side li a:hover { color: var(--text); }
.side li a[aria-current] { color: var(--text); font-weight: 550; border-color: var(--accent); }
.side li a:focus-visible { outline-offset: -2px; }
.who { display: flex; align-items: center; gap: .5rem; font-size: .8125rem; min-width: 0; }
.who span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.who small { display: none; }
main { padding: 1.25rem 1rem 4rem; max-width: 76rem; min-width: 0; }
@media (min-width: 60rem) {
  .shell { display: grid; grid-template-columns: 14.5rem minmax(0, 1fr); min-height: 100vh; }
  .side {
    position: sticky; top: 0; height: 100vh; display: flex; flex-direction: column; align-items: stretch;
    gap: 1.25rem; padding: 1.25rem .75rem 1rem; border-bottom: 0; border-right: 1px solid var(--line);
  }
  .brand { padding: 0 .625rem; }
  .side nav { margin: 0; padding: 0; flex: 1; overflow: visible auto; }
  .side ul { flex-direction: column; gap: 1px; }
  .side li a { padding: .375rem .625rem; border: 0; border-radius: 6px; }
  .side li a:hover { background: var(--sunken); }
  .side li a[aria-current] { background: var(--accent-soft); color: var(--accent); }
  .who { justify-content: space-between; border-top: 1px solid var(--line); padding: .875rem .625rem 0; }
  .who small { display: block; }
  main { padding: 2rem 2.5rem 5rem; }
  .details > div { grid-template-columns: 10rem minmax(0, 1fr); }
}

/* The head of a page, and of a part of it. */
.head, .section-head { display: flex; flex-wrap: wrap; align-items: end; justify-content: space-between; gap: .75rem 1rem; }
.head { margin-bottom: 1.25rem; }
.head > div:first-child { min-width: 0; }
.lead { margin-top: .25rem; max-width: 46rem; text-wrap: pretty; }
.crumbs { margin-bottom: .25rem; font-size: .8125rem; }
.crumbs a { color: var(--muted); text-decoration: none; }
.crumbs a:hover { color: var(--text); text-decoration: underline; }
.crumbs a + a::before { content: "/"; margin: 0 .375rem; color: var(--line-strong); }
section { margin-top: 2rem; }
.section-head { margin-bottom: .625rem; }
.actions, .pages, .row { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
.pages { margin-top: 1rem; }
.stack > * + * { margin-top: 1rem; }
.notice { padding: .625rem .875rem; border-radius: 8px; margin-bottom: 1.25rem; border: 1px solid; overflow-wrap: anywhere; }
.notice.ok { background: var(--ok-soft); color: var(--ok); border-color: color-mix(in srgb, var(--ok) 25%, transparent); }
.notice.error { background: var(--bad-soft); color: var(--bad); border-color: color-mix(in srgb, var(--bad) 25%, transparent); }

/* Buttons and forms. */
button, .button {
  display: inline-flex; align-items: center; justify-content: center; min-height: 2rem; padding: .25rem .75rem;
  border: 1px solid var(--line-strong); border-radius: 6px; background: var(--surface); color: var(--text);
  font: inherit; font-weight: 500; font-size: .8125rem; text-decoration: none; cursor: pointer; white-space: nowrap;
  box-shadow: var(--shadow);
}
button:hover, .button:hover { background: var(--sunken); color: var(--text); }
button.primary, .button.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
button.primary:hover, .button.primary:hover { background: var(--accent-hover); border-color: var(--accent-hover); }
button.danger, .button.danger { color: var(--bad); }
button.danger:hover, .button.danger:hover { background: var(--bad-soft); }
button.quiet { border-color: transparent; background: none; box-shadow: none; color: var(--muted); padding: .25rem .5rem; }
button.quiet:hover { background: var(--sunken); color: var(--text); }
button[disabled] { opacity: .5; cursor: not-allowed; }
label, legend { font-weight: 550; font-size: .8125rem; }
fieldset { border: 0; min-width: 0; }
input, select, textarea {
  font: inherit; color: inherit; background: var(--surface); border: 1px solid var(--line-strong); border-radius: 6px;
  padding: .3125rem .625rem; min-height: 2rem; max-width: 100%;
}
input[type="checkbox"], input[type="radio"] { min-height: 0; width: 1rem; height: 1rem; margin: 0; accent-color: var(--accent); vertical-align: -.125rem; }
textarea { width: 100%; font-family: var(--mono); font-size: .8125rem; }
input:focus-visible, input:focus-within, select:focus-visible, textarea:focus-visible { outline: 2px solid var(--accent); outline-offset: 0; border-color: var(--accent); border-radius: 6px; }
[aria-invalid="true"] { border-color: var(--bad); }
.field { display: grid; grid-template-columns: minmax(0, 1fr); gap: .25rem; align-content: start; }
.field-error { color: var(--bad); font-size: .8125rem; }
.hint { color: var(--muted); font-size: .8125rem; }
.fields { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1rem; max-width: 40rem; }
.field input, .field select { max-width: 100%; }
.filter { display: flex; flex-wrap: wrap; gap: .625rem; align-items: start; margin-bottom: 1rem; }
.filter .field { flex: 1 1 9rem; }
@media (min-width: 40rem) { .filter .field { max-width: 16rem; } }
.filter input, .filter select { width: 100%; height: 2.125rem; }
.filter button, .filter .button { height: 2.125rem; }
/* In line with the inputs, below the labels. */
.filter > button, .filter > .button, .filter > .row { margin-top: 1.5rem; }
@media (max-width: 30rem) {
  .filter .field { flex-basis: 100%; }
  .filter > button, .filter > .button, .filter > .row { margin-top: 0; }
}

/* Tables, lists and values. */
.scroll { position: relative; overflow-x: auto; background: var(--surface); border: 1px solid var(--line); border-radius: 10px; box-shadow: var(--shadow); }
table { width: 100%; border-collapse: collapse; }
caption { text-align: left; padding: .75rem .875rem; font-weight: 600; }
th, td { text-align: left; padding: .5625rem .875rem; vertical-align: top; white-space: nowrap; }
th { font-size: .75rem; font-weight: 500; color: var(--muted); background: var(--sunken); border-bottom: 1px solid var(--line); }
tr + tr > td, tr + tr > th[scope="row"] { border-top: 1px solid var(--line); }
tbody tr:hover { background: color-mix(in srgb, var(--sunken) 55%, transparent); }
td.wide, th.wide { width: 100%; white-space: normal; min-width: 11rem; overflow-wrap: anywhere; }
td.number, th.number { text-align: right; }
td form { display: inline-flex; gap: .375rem; }
td a { text-decoration: none; }
td a:hover { text-decoration: underline; }
.badge {
  display: inline-flex; align-items: center; gap: .375rem; padding: 0 .5rem; line-height: 1.375rem; border-radius: 99px;
  font-size: .75rem; font-weight: 550; white-space: nowrap; background: var(--sunken); color: var(--muted);
}
.badge::before { content: ""; width: .375rem; height: .375rem; border-radius: 50%; background: currentColor; }
.badge.ok { background: var(--ok-soft); color: var(--ok); }
.badge.warn { background: var(--warn-soft); color: var(--warn); }
.badge.bad { background: var(--bad-soft); color: var(--bad); }
.badge.info { background: var(--info-soft); color: var(--info); }
.details { background: var(--surface); border: 1px solid var(--line); border-radius: 10px; box-shadow: var(--shadow); }
.details > div { display: grid; grid-template-columns: 5.5rem minmax(0, 1fr); gap: 1rem; padding: .5rem .875rem; }
.details > div + div { border-top: 1px solid var(--line); }
.details dt { color: var(--muted); }
.details dd { overflow-wrap: anywhere; }
.code {
  background: var(--surface); border: 1px solid var(--line); border-radius: 10px; padding: .75rem .875rem; overflow: auto;
  max-height: 30rem; white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.55; tab-size: 2;
}
.card { background: var(--surface); border: 1px solid var(--line); border-radius: 10px; box-shadow: var(--shadow); padding: 1rem; }
.empty { text-align: center; padding: 2.5rem 1.25rem; border: 1px dashed var(--line-strong); border-radius: 10px; color: var(--muted); }
.empty > * + * { margin-top: .5rem; }
.empty h2 { color: var(--text); }
.empty p { max-width: 36rem; margin-inline: auto; text-wrap: pretty; }
.empty .code { text-align: left; max-width: 44rem; margin-inline: auto; }
progress { width: 100%; height: .5rem; accent-color: var(--accent); }

/* Plots. */
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr)); gap: 1rem; }
.plot figcaption { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .5rem; font-size: .8125rem; }
.plot-title { flex-basis: 100%; color: var(--muted); font-weight: 500; }
.plot-headline { font-size: 1.375rem; line-height: 1.4; font-weight: 620; letter-spacing: -.012em; }
.plot-area { position: relative; margin-top: 1.375rem; }
.plot svg { display: block; width: 100%; height: 6rem; overflow: visible; }
.plot-max { position: absolute; right: 0; bottom: calc(100% + .25rem); font-size: .6875rem; line-height: 1; color: var(--muted); }
.plot-none { position: absolute; left: 50%; top: 50%; translate: -50% -50%; padding: 0 .5rem; white-space: nowrap; font-size: .8125rem; background: var(--surface); }
.plot-axis { display: flex; justify-content: space-between; gap: .5rem; margin-top: .375rem; font-size: .6875rem; color: var(--muted); }
.legend { display: flex; gap: .75rem; }
.key::before { content: ""; display: inline-block; width: .75rem; border-top: 2px solid var(--accent); margin-right: .3125rem; vertical-align: .1875rem; }
.key.c2::before { border-color: var(--warn); border-top-style: dashed; }
line.grid { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; }
.bars { fill: var(--accent); }
.line { fill: none; stroke: var(--accent); stroke-width: 1.75; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.line.c2 { stroke: var(--warn); stroke-dasharray: 4 3; }
.meter { display: block; width: 6rem; height: .375rem; margin-top: .5rem; }
.meter .grid { fill: var(--line); }
.meter .fill { fill: var(--accent); }
summary { cursor: pointer; color: var(--muted); font-size: .8125rem; width: fit-content; padding: .25rem 0; }
summary:hover { color: var(--text); }
.numbers { margin-top: .75rem; }
.numbers[open] summary { margin-bottom: .5rem; }

/* Live lists. */
.live { display: flex; align-items: center; gap: .5rem; font-size: .8125rem; color: var(--muted); }
.live::before { content: ""; width: .5rem; height: .5rem; border-radius: 50%; background: var(--line-strong); }
.live[data-state="live"]::before { background: var(--ok); }
.live[data-state="lost"]::before { background: var(--warn); }
.preview { color: var(--muted); font-family: var(--mono); font-size: .75rem; }
.events table { min-width: 46rem; }
.events td { max-width: 14rem; overflow: hidden; text-overflow: ellipsis; }
td.preview { width: 100%; max-width: 0; overflow: hidden; text-overflow: ellipsis; }
@media (prefers-reduced-motion: no-preference) {
  tr.new td { animation: new 1.6s ease-out; }
  @keyframes new { from { background: var(--accent-soft); } }
}

/* One delivery. */
.live-row { min-height: 2rem; margin-bottom: .5rem; }
.delivery .section-head { margin-bottom: .125rem; align-items: center; }
.delivery h3 { overflow-wrap: anywhere; }
.attempts { list-style: none; margin-top: .75rem; }
.attempts li { border-top: 1px solid var(--line); padding: .625rem 0; }
.attempts li:last-child { padding-bottom: 0; }
.error-text { margin-top: .25rem; color: var(--bad); overflow-wrap: anywhere; }
[hidden] { display: none !important; }

/* Pages without navigation. */
.bare { max-width: 25rem; margin: 12vh auto 0; }
.bare > * + * { margin-top: 1rem; }
.bare h1 { display: flex; align-items: center; gap: .625rem; }
.bare form { display: grid; gap: .5rem; }
.bare form .primary { margin-top: .5rem; min-height: 2.25rem; }

@media (prefers-reduced-motion: no-preference) {
  a, button, .button { transition: background-color .12s, color .12s, border-color .12s; }
}

/* Acting pages. */
.below { margin-top: 1rem; }
summary { cursor: pointer; font-weight: 550; font-size: .8125rem; width: fit-content; }
details[open] > summary { margin-bottom: .75rem; }
.card .details { box-shadow: none; }
.card h3 { font-size: 1rem; }
.card > .row { justify-content: space-between; }
td small { line-height: 1.4; }

.secret { font-size: .9375rem; overflow-wrap: anywhere; user-select: all; }
.notice > * + * { margin-top: .5rem; }
.confirm[open] { flex-basis: 100%; }
.confirm > form { max-width: 30rem; }
summary.button { list-style: none; }
`;

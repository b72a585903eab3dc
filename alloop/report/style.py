"""The style sheet of the report, and the script that draws its figures."""

from __future__ import annotations

SCRIPT = """
const media = query => window.matchMedia(query);
const atNight = media('(prefers-color-scheme: dark)'), slim = media('(max-width: 640px)');
let printing = false;

function recoloured(value, key) {
  if (typeof value === 'string') return dark[value] || value;
  if (Array.isArray(value)) return key === 'x' || key === 'y' || key === 'text' ? value : value.map(v => recoloured(v));
  if (value && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, recoloured(v, k)]));
  return value;
}

function draw() {
  for (const [name, figure] of Object.entries(figures)) {
    const place = document.getElementById(name);
    if (!place) continue;
    const narrow = slim.matches && !printing;
    let shown = {data: figure.wide.data, layout: narrow ? figure.narrow : figure.wide.layout};
    shown = structuredClone(shown);
    if (atNight.matches && !printing) shown = recoloured(shown);
    if (narrow) shown.layout.dragmode = false;
    place.style.height = shown.layout.height + 'px';
    for (const trace of shown.data)  // an unknown error is no error of zero
      for (const bars of [trace.error_x, trace.error_y])
        if (bars && bars.array) bars.array = bars.array.map(one => one ?? NaN);
    Plotly.react(place, shown.data, shown.layout, {displayModeBar: false, responsive: true});
  }
}

async function load() {
  const packed = document.getElementById('plotly').textContent.trim();
  const bytes = Uint8Array.from(atob(packed), c => c.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  const script = document.createElement('script');
  script.textContent = await new Response(plain).text();
  document.head.append(script);
  draw();
  for (const query of [atNight, slim]) query.addEventListener('change', draw);
  addEventListener('beforeprint', () => { printing = true; draw(); });
  addEventListener('afterprint', () => { printing = false; draw(); });
  document.documentElement.dataset.drawn = 'yes';
}

for (const box of document.querySelectorAll('.table'))
  new ResizeObserver(() => box.classList.toggle('scrolls', box.scrollWidth > box.clientWidth + 1)).observe(box);

for (const button of document.querySelectorAll('button.copy'))
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(button.parentElement.querySelector('pre').textContent);
    button.textContent = 'Copied';
  });

load().catch(() => {
  for (const place of document.querySelectorAll('.plot'))
    place.textContent = 'This browser cannot draw the figures; a newer one can.';
});
"""

STYLE = """
:root { color-scheme: light dark; --shade: #8a97a566; --ink: #243240; --soft: #56636f; --line: #dfe5eb;
  --paper: #ffffff;
  --ground: #f4f6f8; --accent: #2f6db5; --box: #eef3f9; --good: #ecf6f1; --fair: #fcf3e8; --bad: #fbeeed;
  --yes: #26794f; --no: #b4372f; --maybe: #945413; }
@media (prefers-color-scheme: dark) { @media screen { :root { --shade: #00000080;
  --ink: #e3e8ed; --soft: #a7b2bd; --line: #35404b;
  --paper: #1b222a; --ground: #12171c; --accent: #7fb2ec; --box: #22303f; --good: #1d3329; --fair: #3a2d1c;
  --bad: #3d2322; --yes: #6fcf9d; --no: #ff938b; --maybe: #eab06b; } } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.55 system-ui, -apple-system, "Segoe UI",
  Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 20px 60px; }
header, section, nav { background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
  padding: 22px 26px; margin-bottom: 18px; min-width: 0; }
h1 { font-size: 26px; margin: 0 0 2px; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 0 0 12px; }
h3 { font-size: 15px; margin: 20px 0 6px; overflow-wrap: anywhere; }
p, li, summary { overflow-wrap: anywhere; }
a { color: var(--accent); }
nav ol { columns: 2; column-gap: 32px; margin: 0; padding-left: 22px; }
.anchor { color: var(--soft); text-decoration: none; font-weight: 400; opacity: 0.6; }
.anchor:hover, .anchor:focus { opacity: 1; }
.about { color: var(--soft); margin: 0 0 16px; overflow-wrap: anywhere; }
.verdict { border-left: 5px solid var(--accent); background: var(--box); border-radius: 6px; padding: 12px 16px;
  margin: 0 0 12px; overflow-wrap: anywhere; }
.verdict b { display: block; font-size: 17px; }
.verdict p { margin: 2px 0; }
.verdict ul { margin: 6px 0 0; padding-left: 20px; }
.good { border-color: #3a9d6e; background: var(--good); }
.fair { border-color: #d9822b; background: var(--fair); }
.bad { border-color: #c8443c; background: var(--bad); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(250px, 100%), 1fr)); gap: 12px;
  margin-top: 18px; }
.card { border: 1px solid var(--line); border-radius: 8px; padding: 10px 14px; min-width: 0; }
.card span { color: var(--soft); font-size: 13px; display: block; }
.card strong { font-size: 17px; font-weight: 600; overflow-wrap: anywhere; }
.card small { color: var(--soft); display: block; }
figure { margin: 8px 0 18px; min-width: 0; }
.plot { width: 100%; overflow: hidden; }
.gallery { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(400px, 100%), 1fr)); gap: 8px 20px; }
.gallery figure { max-width: 520px; }
.scene { display: block; width: 100%; height: 300px; cursor: grab; touch-action: pan-y; border-radius: 6px; }
.scene:active { cursor: grabbing; }
.legend { margin: 2px 0; font-size: 13px; }
.legend span { margin-right: 12px; white-space: nowrap; }
.legend i { display: inline-block; width: 11px; height: 11px; border-radius: 50%; border: 1px solid var(--soft);
  margin-right: 5px; }
.legend .solid { border-radius: 0; }
figcaption { color: var(--soft); font-size: 13.5px; margin-top: 4px; }
figcaption b { color: var(--ink); }
.table { overflow-x: auto; max-width: 100%; margin: 8px 0 14px; background:
  linear-gradient(90deg, var(--paper) 40%, transparent) 0 0 / 40px 100% no-repeat local,
  linear-gradient(270deg, var(--paper) 40%, transparent) 100% 0 / 40px 100% no-repeat local,
  linear-gradient(90deg, var(--shade), transparent) 0 0 / 14px 100% no-repeat scroll,
  linear-gradient(270deg, var(--shade), transparent) 100% 0 / 14px 100% no-repeat scroll; }
.scrolls::before { content: "More columns: scroll sideways →"; position: sticky; left: 0; display: block;
  width: max-content; color: var(--soft); font-size: 12.5px; }
code { background: var(--ground); border-radius: 4px; padding: 1px 4px; font-size: 0.92em; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); font-size: 13.5px; padding: 4px 0; }
th, td { text-align: left; padding: 6px 14px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top;
  min-width: 64px; }
td { overflow-wrap: break-word; }
td:first-child:not(.n) { min-width: 96px; }
.scrolls td:not(.n) { min-width: 160px; }
td:last-child:not(.n) { min-width: 150px; max-width: 780px; overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; font-size: 13px; }
td.n, th.n { text-align: right; white-space: nowrap; }
small { color: var(--soft); font-size: 12.5px; }
.how { color: var(--soft); font-size: 13.5px; border-top: 1px solid var(--line); margin: 16px 0 0; padding-top: 10px; }
.note { color: var(--soft); font-size: 13.5px; }
.none { color: var(--soft); font-style: italic; }
.equivalent { color: var(--yes); } .different { color: var(--no); } .undecided { color: var(--maybe); }
.code { position: relative; }
.copy { position: absolute; top: 8px; right: 8px; font: inherit; font-size: 12.5px; color: var(--ink);
  background: var(--paper); border: 1px solid var(--line); border-radius: 5px; padding: 2px 10px; cursor: pointer; }
pre { background: var(--ground); border-radius: 6px; padding: 12px 14px; overflow-x: auto; font-size: 12.5px;
  line-height: 1.45; margin: 6px 0; }
pre.wrap { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; font-size: 14px; padding-top: 38px; }
details { margin-top: 12px; } summary { cursor: pointer; font-weight: 600; }
footer { color: var(--soft); font-size: 13.5px; }
@media (max-width: 640px) {
  main { padding: 10px 8px 40px; }
  header, section, nav { padding: 16px 14px; }
  nav ol { columns: 1; }
  h1 { font-size: 22px; }
  td:first-child:not(.n) { min-width: 84px; }
  .scrolls { border: 1px solid var(--line); border-radius: 8px; padding: 6px 10px; }
}
@media screen and (max-width: 640px) {
  .folds { overflow: visible; background: none; }
  .folds :is(table, caption, tbody, tr) { display: block; }
  .folds thead { display: none; }
  .folds tr { border: 1px solid var(--line); border-radius: 8px; padding: 6px 12px; margin-bottom: 8px; }
  .folds tr td, .folds tr td.n { display: grid; grid-template-columns: 2fr 3fr; gap: 12px; padding: 2px 0; border: 0;
    text-align: left; white-space: normal; min-width: 0; max-width: none; }
  .folds tr td::before { content: attr(data-head); color: var(--soft); font-size: 13px; }
  .folds tr td:first-child { font-weight: 600; }
}
@media print {
  :root { --ground: #ffffff; }
  body { background: #fff; font-size: 12px; }
  main { max-width: none; padding: 0; }
  header, section, nav { border: 0; padding: 8px 0; }
  .table { overflow: visible; background: none; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; }
  td.n, th.n { white-space: normal; }
  figure, tr, .verdict, .card { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  .anchor, .copy, footer { display: none; }
}
"""

"""The HTML frame of the report, its style sheet and the script that draws the figures."""

from __future__ import annotations

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; \
style-src 'unsafe-inline'; img-src data: blob:">
<title>$title</title>
<style>$style</style>
<script>$plotly</script>
</head>
<body>
<main>
$body
</main>
<script>const figures = $figures;
$script</script>
</body>
</html>
"""

SCRIPT = """
const options = {displayModeBar: false, responsive: true};
for (const [name, figure] of Object.entries(figures)) {
  const place = document.getElementById(name);
  if (place) Plotly.newPlot(place, figure.data, figure.layout, options);
}
"""

STYLE = """
:root { --ink: #243240; --soft: #5d6b7a; --line: #dfe5eb; --paper: #ffffff; --ground: #f4f6f8; --accent: #2f6db5; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.55 system-ui, -apple-system, "Segoe UI",
  Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 20px 60px; }
header, section { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; padding: 22px 26px;
  margin-bottom: 18px; }
h1 { font-size: 26px; margin: 0 0 2px; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 0 0 12px; }
h3 { font-size: 15px; margin: 20px 0 6px; }
.about { color: var(--soft); margin: 0 0 16px; overflow-wrap: anywhere; }
.verdict { border-left: 5px solid var(--accent); background: #eef3f9; border-radius: 6px; padding: 12px 16px;
  margin: 0 0 18px; overflow-wrap: anywhere; }
.verdict b { display: block; font-size: 18px; }
.verdict ul { margin: 6px 0 0; padding-left: 20px; }
.good { border-color: #3a9d6e; background: #ecf6f1; }
.fair { border-color: #d9822b; background: #fcf3e8; }
.bad { border-color: #c8443c; background: #fbeeed; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(270px, 1fr)); gap: 12px; }
.card { border: 1px solid var(--line); border-radius: 8px; padding: 10px 14px; }
.card span { color: var(--soft); font-size: 13px; display: block; }
.card strong { font-size: 17px; font-weight: 600; white-space: nowrap; }
.card small { color: var(--soft); display: block; }
.plot { width: 100%; margin: 4px 0 8px; }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: 8px 0 4px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 6px 12px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; font-size: 13px; }
td.n, th.n { text-align: right; white-space: nowrap; }
.how { color: var(--soft); font-size: 13.5px; border-top: 1px solid var(--line); margin: 16px 0 0; padding-top: 10px; }
.none { color: var(--soft); font-style: italic; }
.equivalent { color: #26794f; } .different { color: #b4372f; } .undecided { color: #a8631c; }
pre { background: var(--ground); border-radius: 6px; padding: 12px 14px; overflow-x: auto; font-size: 12.5px;
  line-height: 1.45; margin: 6px 0; }
details { margin-top: 12px; } summary { cursor: pointer; font-weight: 600; }
@media print { body { background: #fff; } section { break-inside: avoid; } }
"""

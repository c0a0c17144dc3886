"""One HTML page that needs nothing beside itself: bars, curves over the load, a table."""
import html
import math

STYLE = '''
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2024; --soft: #60686f; --rule: #dde1e5;
  --a: #2563a8; --b: #c2571a; --c: #7a3b94; --card: #f6f7f9; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171a; --ink: #e6e9ec; --soft: #9aa3ab; --rule: #32383e;
  --a: #6fa8e0; --b: #e69055; --c: #c290d8; --card: #1c2024; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 24px 16px 48px; }
h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 32px 0 8px; } h3 { font-size: 15px; margin: 0 0 8px; }
p { margin: 0 0 8px; max-width: 76ch; } .soft { color: var(--soft); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)); gap: 16px; }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 14px 16px; min-width: 0; }
.bar { display: grid; grid-template-columns: 8.5em 1fr 5.2em; gap: 8px; align-items: center; font-size: 13px; margin: 3px 0; }
.bar b { font-weight: 600; text-align: right; font-variant-numeric: tabular-nums; }
.bar i { display: block; height: 14px; border-radius: 2px; background: var(--a); }
.bar.other i { background: var(--b); }
svg { display: block; width: 100%; height: auto; } svg text { font: 11px system-ui, sans-serif; fill: var(--soft); }
svg .rule { stroke: var(--rule); } svg path { fill: none; stroke-width: 2; }
.p50 { stroke: var(--a); } .p99 { stroke: var(--b); } .p999 { stroke: var(--c); }
svg circle { stroke: none; } circle.p50 { fill: var(--a); } circle.p99 { fill: var(--b); } circle.p999 { fill: var(--c); }
.key { font-size: 13px; } .key span { margin-right: 14px; white-space: nowrap; } .key i { display: inline-block; width: 18px; height: 0; border-top: 3px solid; vertical-align: middle; margin-right: 5px; }
.key .p50 { border-color: var(--a); } .key .p99 { border-color: var(--b); } .key .p999 { border-color: var(--c); }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 10px; border-bottom: 1px solid var(--rule); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: var(--paper); }
th { font-weight: 600; vertical-align: bottom; }
'''


def short(value):
    """1.24 M, 104 k, 380."""
    if value is None or math.isnan(value):
        return '–'
    for size, letter in ((1e6, ' M'), (1e3, ' k')):
        if value >= size:
            return f'{value / size:.3g}{letter}'
    return f'{value:.3g}'


def duration(us):
    if us is None or math.isnan(us):
        return '–'
    return f'{us:.0f} µs' if us < 1000 else f'{us / 1e3:.3g} ms' if us < 1e6 else f'{us / 1e6:.3g} s'


def bars(title, rows, kind=''):
    """Of (label, value), longest full; what they count is the title's to say."""
    top = max((value for _, value in rows if not math.isnan(value)), default=1) or 1
    out = [f'<div class="card"><h3>{html.escape(title)}</h3>']
    for label, value in rows:
        width = 0 if math.isnan(value) else 100 * value / top
        out.append(f'<div class="bar {kind}"><span>{html.escape(label)}</span><span><i style="width:{width:.1f}%"></i></span>'
                   f'<b>{short(value)}</b></div>')
    return '\n'.join(out) + '</div>'


def curves(title, points):
    """Latencies over the load, the time axis by powers of ten. `points`: (percent, rate, {name: us})."""
    left, right, top, bottom = 52, 350, 10, 170
    values = [v for *_, of in points for v in of.values() if v > 0] or [1]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    x = lambda percent: left + (right - left) * (percent - 20) / 80
    y = lambda us: bottom - (bottom - top) * (math.log10(max(us, 10 ** low)) - low) / (high - low)
    out = [f'<div class="card"><h3>{html.escape(title)}</h3><svg viewBox="0 0 360 205" role="img" aria-label="{html.escape(title)}">']
    for power in range(low, high + 1):
        at = y(10 ** power)
        out.append(f'<line class="rule" x1="{left}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}"/>'
                   f'<text x="{left - 6}" y="{at + 4:.1f}" text-anchor="end">{duration(10 ** power)}</text>')
    for percent, rate, _ in points:
        out.append(f'<text x="{x(percent):.1f}" y="{bottom + 15}" text-anchor="middle">{percent} %</text>'
                   f'<text x="{x(percent):.1f}" y="{bottom + 29}" text-anchor="middle">{short(rate)}/s</text>')
    for name, css in (('p50', 'p50'), ('p99', 'p99'), ('p99.9', 'p999')):
        at = [(x(percent), y(of[name])) for percent, _, of in points if of.get(name, 0) > 0]
        out.append(f'<path class="{css}" d="M' + 'L'.join(f'{a:.1f} {b:.1f}' for a, b in at) + '"/>' if at else '')
        out += [f'<circle class="{css}" cx="{a:.1f}" cy="{b:.1f}" r="3"/>' for a, b in at]
    return '\n'.join(out) + '</svg></div>'


KEY = ('<p class="key"><span><i class="p50"></i>p50</span><span><i class="p99"></i>p99</span>'
       '<span><i class="p999"></i>p99.9</span></p>')


def table(heads, rows):
    out = ['<div class="wide"><table><thead><tr>' + ''.join(f'<th>{html.escape(head)}</th>' for head in heads) + '</tr></thead><tbody>']
    out += ['<tr>' + ''.join(f'<td>{html.escape(str(cell))}</td>' for cell in row) + '</tr>' for row in rows]
    return '\n'.join(out) + '</tbody></table></div>'


def cards(parts):
    return '<div class="cards">' + '\n'.join(parts) + '</div>'


def write(path, title, parts):
    with open(path, 'w', encoding='utf-8') as file:
        file.write(f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
                   f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{html.escape(title)}</title>'
                   f'<style>{STYLE}</style></head><body><main>' + '\n'.join(parts) + '</main></body></html>\n')

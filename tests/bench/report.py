"""What was measured, as JSON, as a table for the docs, and as a chart."""

import json
import statistics
from datetime import datetime, timezone
from pathlib import Path

import measures

ROOT = Path(__file__).resolve().parents[2]

# Measure, quantity, what a reader calls it, what it is to be (a ratio to nginx, or a figure), and of what.
LINES = [
    ("saturated", "cpu_us", "CPU a small request, saturated", 0.85, "us"),
    ("paced-500", "cpu_us", "CPU a request at 500/s", 1.0, "us"),
    ("paced-2000", "cpu_us", "CPU a request at 2,000/s", None, "us"),
    ("saturated", "per_second", "requests/s on one core", 1.15, "/s"),
    ("paced-500", "p50_us", "p50 at 500/s", 1.0, "us"),
    ("paced-500", "p99_us", "p99 at 500/s", 1.0, "us"),
    ("paced-2000", "p50_us", "p50 at 2,000/s", None, "us"),
    ("paced-2000", "p99_us", "p99 at 2,000/s", None, "us"),
    ("single", "added_us", "first byte added over direct", 1.0, "us"),
    ("events", "p50_us", "SSE event delay, p50", 0.95, "us"),
    ("events", "p99_us", "SSE event delay, p99", None, "us"),
    ("events", "cpu_us", "CPU an SSE event", 0.75, "us"),
    ("down-16k", "cpu_s_per_gb", "CPU a GB of response, 16 KB chunks", 0.75, "s"),
    ("down-250", "cpu_s_per_gb", "CPU a GB of response, 250 B chunks", 0.9, "s"),
    ("up", "cpu_s_per_gb", "CPU a GB of request", None, "s"),
    ("streams-1000", "kb_each", "memory a waiting stream, 1,000 open", "16 KB", "KB"),
    ("streams-100", "kb_each", "memory a waiting stream, 100 open", "16 KB", "KB"),
    ("streams-8000", "kb_each", "memory a waiting stream, 8,000 open", None, "KB"),
    ("grants", "cpu_us_10", "CPU a small request, 10 grants", None, "us"),
    ("grants", "cpu_us_50000", "CPU a small request, 50,000 grants", None, "us"),
    ("idle", "mb", "idle memory, all processes", "12 MB", "MB"),
    ("idle", "wakes_per_second", "idle wake-ups a second", "0", ""),
]


def rows(results):
    for measure, quantity, called, target, unit in LINES:
        of_peers = results.get(measure)
        if not of_peers or not of_peers.get("ugent", {}).get(quantity):
            continue
        base = of_peers[measures.BASE].get(quantity, [])
        figures = {peer: statistics.median(got[quantity]) for peer, got in of_peers.items() if got.get(quantity)}
        against = {peer: measures.ratios(got.get(quantity, []), base) for peer, got in of_peers.items()}
        yield called, unit, target, figures, against


def table(results):
    """Markdown."""
    lines = ["| measure | ugent | nginx | HAProxy | ratio to nginx (min-max) | noise | target |",
             "|---|---|---|---|---|---|---|"]
    for called, unit, target, figures, against in rows(results):
        figure = lambda peer: f"{figures[peer]:,.3g} {unit}".strip() if peer in figures else "-"
        ours, noise = against.get("ugent"), against.get("nginx-again")
        ratio = "{:.2f} ({:.2f}-{:.2f})".format(*ours) if ours else "-"
        lines.append(f"| {called} | {figure('ugent')} | {figure('nginx')} | {figure('haproxy')} | {ratio} | "
                     f"{f'{noise[0]:.2f}' if noise else '-'} | {target if target else '-'} |")
    return "\n".join(lines)


def chart(results, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = [row for row in rows(results) if row[4].get("ugent")]
    figure, axes = pyplot.subplots(figsize=(9, 0.42 * len(shown) + 1.2))
    for number, (called, _, target, _, against) in enumerate(reversed(shown)):
        for peer, colour, up in (("ugent", "#1f6f8b", 0.17), ("haproxy", "#bbbbbb", -0.17)):
            if ratio := against.get(peer):
                middle, least, most = ratio
                axes.barh(number + up, middle, 0.32, color=colour, label=peer if number == 0 else None,
                          xerr=[[middle - least], [most - middle]], error_kw={"linewidth": 0.8})
        if isinstance(target, float):
            axes.plot([target, target], [number - 0.4, number + 0.4], color="#c0392b", linewidth=2)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(shown)), [row[0] for row in reversed(shown)])
    axes.set_xlim(0, 3)
    axes.set_xlabel("ratio to nginx in the same round; the bar is the median, the line least and most; red: target")
    axes.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def write(results, about, docs, quick):
    whole = {"date": datetime.now(timezone.utc).strftime("%Y-%m-%d"), "quick": quick, "about": about,
             "results": results}
    places = [ROOT / "target" / "bench" / "last"] + ([ROOT / "docs" / "performance"] if docs else [])
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.with_suffix(".json").write_text(json.dumps(whole, indent=1) + "\n")
        chart(results, place.with_suffix(".png"))
    print(table(results))
    print("written:", *(f"{place.relative_to(ROOT)}.{{json,png}}" for place in places))

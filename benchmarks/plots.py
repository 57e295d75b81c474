"""Plots of the document, as SVG files."""

from pathlib import Path

from benchmarks.sections import Chart


def draw(chart: Chart, path: Path) -> None:
    """Draws a chart; the same chart gives the same file."""
    # Not at the top: measuring does not need it.
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({'svg.hashsalt': chart.name, 'svg.fonttype': 'none'}):
        figure = Figure(figsize=(7, 4), layout='constrained')
        axes = figure.subplots()
        for name, points in chart.lines.items():
            x, y = zip(*points, strict=True)
            axes.plot(x, y, '--' if name == 'ideal' else 'o-', label=name)
        axes.set_xscale('log', base=2 if max(x) <= 1 << 15 else 10)
        axes.set_xticks(x, [f'{value:,}' for value in x], minor=False)
        axes.set_xticks([], minor=True)
        if chart.is_logarithmic:
            axes.set_yscale('log')
            axes.yaxis.set_major_formatter('{x:g}')
        else:
            axes.set_ylim(bottom=0)
        axes.set(title=chart.title, xlabel=chart.x, ylabel=chart.y)
        axes.grid(alpha=0.3)
        axes.legend()
        figure.savefig(path, metadata={'Date': None})

"""Draw what was measured: `uv run --group plots python bench/plots.py`.

Reads `bench/results.json` of `service.py` and writes `docs/requests.svg`: the median rate of each
app and workload, relative to the ORM written into the endpoint, with the spread of the rounds.
Reads `bench/scaling.json` of `scaling.py` and writes `docs/scaling.svg`: the capacity model and
the measurements. Draws only what has been measured.
"""

import json
import statistics
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt

ROOT = Path(__file__).parents[1]
COLORS = {
    "ours": "#009485",
    "session": "#7bc8bf",
    "inlined": "#555555",
    "peer": "#d9822b",
    "fastapi": "#b8b8b8",
    "starlette": "#dddddd",
}
NAMES = {
    "ours": "rendered project",
    "session": "rendered project, SessionDep",
    "inlined": "ORM written into the endpoint",
    "peer": "fastapi_template's project",
    "fastapi": "FastAPI on the raw driver",
    "starlette": "Starlette on the raw driver",
}
LIMITS = {5: "#d9822b", 10: "#009485"}  # connections for readers
WORKLOADS = ["get", "list", "post", "update", "bulk", "mixed"]


def ratios(rows: list[dict[str, Any]], clients: int) -> dict[str, dict[str, list[float]]]:
    """Return the rates of each workload and app, divided by the median of `inlined`."""
    found: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        if row.get("clients") == clients:
            rates = [it["rate"] for it in row["rounds"]]
            found.setdefault(row["workload"], {})[row["app"]] = rates
    for apps in found.values():
        reference = statistics.median(apps["inlined"])
        for name, rates in apps.items():
            apps[name] = [rate / reference for rate in rates]
    return found


def draw_requests(measured: dict[str, Any]) -> None:
    """Draw one row of bars per variant."""
    results = measured["results"]
    variants = list(dict.fromkeys((it["session"], it["driver"]) for it in results))
    figure, axes = plt.subplots(
        len(variants), 1, figsize=(9, 2.6 * len(variants)), squeeze=False, layout="constrained"
    )
    for axis, variant in zip(axes[:, 0], variants, strict=True):
        rows = [it for it in results if (it["session"], it["driver"]) == variant]
        found = ratios(rows, 64)
        workloads = [it for it in WORKLOADS if it in found]
        for place, workload in enumerate(workloads):
            names = [name for name in COLORS if name in found[workload]]
            width = 0.8 / len(names)
            for number, name in enumerate(names):
                rates = found[workload][name]
                middle = statistics.median(rates)
                spread = [[middle - min(rates)], [max(rates) - middle]]
                left = place - 0.4 + width * (number + 0.5)
                axis.bar(left, middle, width, color=COLORS[name], yerr=spread, ecolor="#888888")
        axis.axhline(1, color="#555555", linewidth=0.8)
        axis.set_xticks(range(len(workloads)), workloads)
        axis.set_yscale("log", base=2)
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_title(
            f"{variant[0]}, {variant[1]}: requests per second over `inlined`, 64 clients"
        )
    handles = [mpl.patches.Patch(color=color, label=NAMES[it]) for it, color in COLORS.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    figure.suptitle(
        f"{measured['date']}, {measured['machine']}, {measured['python']}, {measured['versions']}",
        fontsize=8,
    )
    figure.savefig(ROOT / "docs/requests.svg", metadata={"Date": None})


def draw_scaling(measured: dict[str, Any]) -> None:
    """Draw the served rate and the connections in use against the offered rate."""
    figure, (served, in_use) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    held = measured["held"]
    for connections, color in LIMITS.items():
        points = [it for it in measured["points"] if it["readers"] == connections]
        rates = [it["rate"] for it in points]
        limit = connections / held
        corners = sorted({0, limit, *rates})
        model = {"color": color, "linewidth": 1, "label": f"model, {connections} connections"}
        served.plot(corners, [min(it, limit) for it in corners], **model)
        in_use.plot(corners, [min(it * held, connections) for it in corners], **model)
        for axis, name in ((served, "served"), (in_use, "in_use")):
            middle = [it[name] for it in points]
            spread = [
                [it[name] - it[f"{name}_range"][0] for it in points],
                [it[f"{name}_range"][1] - it[name] for it in points],
            ]
            label = f"measured, {connections} connections"
            marks = {"fmt": "o", "markersize": 4, "color": color, "ecolor": "#888888"}
            axis.errorbar(rates, middle, yerr=spread, label=label, **marks)
    served.set_ylabel("requests served per second")
    in_use.set_ylabel("connections in use, mean")
    for axis in (served, in_use):
        axis.set_xlabel(f"requests offered per second, {held * 1000:.0f} ms each")
        axis.set_xlim(0)
        axis.set_ylim(0)
    figure.legend(
        *served.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False
    )
    figure.savefig(ROOT / "docs/scaling.svg", metadata={"Date": None})


def main() -> None:
    """Draw what has been measured."""
    mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "requests", "font.size": 9}
    for name, draw in {"results": draw_requests, "scaling": draw_scaling}.items():
        file = ROOT / f"bench/{name}.json"
        if file.exists():
            draw(json.loads(file.read_text()))


if __name__ == "__main__":
    main()

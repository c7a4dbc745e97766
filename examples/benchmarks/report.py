"""What is shown of the traces: tables as plain text, raw CSV files, a plot."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from metrics import (
    best_so_far,
    candidates_to_reach,
    mean_ranks,
    normalised_regret,
    paired_bootstrap,
)
from tasks import N_FOLDS


@dataclass(frozen=True)
class Results:
    """All traces, keyed (task, seed, searcher), and the arrays derived from them.

    `curves` and `regrets` have shape (n_searchers, n_instances, n_iter); an instance is a
    (task, seed). A search that raised has no scores, hence a regret of 1.
    """

    searchers: list
    instances: list
    n_iter: int
    traces: dict
    curves: np.ndarray
    regrets: np.ndarray

    @classmethod
    def from_traces(cls, traces, searchers, n_iter):
        instances = sorted({(task, seed) for task, seed, _ in traces})
        curves, regrets = [], []
        for instance in instances:
            curve = {name: best_so_far(traces[*instance, name].scores, n_iter) for name in searchers}
            regret = normalised_regret(curve, traces[*instance, "random"].scores)
            curves.append([curve[name] for name in searchers])
            regrets.append([regret[name] for name in searchers])
        curves, regrets = np.swapaxes(curves, 0, 1), np.swapaxes(regrets, 0, 1)
        return cls(searchers, instances, n_iter, traces, curves, regrets)

    def of(self, searcher):
        """List the traces of one searcher, in the order of the instances."""
        return [self.traces[*instance, searcher] for instance in self.instances]


def budgets(n_iter):
    """List the numbers of candidates at which regret is reported, the last one included."""
    return [n for n in (10, 20, 50, 100, 200, 500) if n < n_iter] + [n_iter]


def _table(header, rows):
    """Align the columns: the first to the left, the others to the right."""
    cells = [header, *rows]
    widths = [max(len(row[k]) for row in cells) for k in range(len(header))]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in cells]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _interval(mean, low, high):
    return f"{mean:.3f} [{low:.3f}, {high:.3f}]"


def summary_table(results):
    """Mean regret at each budget, rank, the optimizer's time and all that failed."""
    columns = {}
    for n in budgets(results.n_iter):
        at_n = results.regrets[:, :, n - 1]
        bounds = zip(at_n.mean(axis=1), *paired_bootstrap(at_n), strict=True)
        columns[f"regret@{n}"] = [_interval(*bound) for bound in bounds]
    columns["rank"] = [f"{rank:.2f}" for rank in mean_ranks(results.curves[:, :, -1])]
    milliseconds, runs, candidates = [], [], []
    for name in results.searchers:
        traces = results.of(name)
        done = [t for t in traces if not t.error and t.scores]
        n_candidates = sum(len(t.scores) for t in done)
        seconds = sum(t.optimizer_seconds for t in done)
        milliseconds.append(f"{1e3 * seconds / n_candidates:.1f}" if done else "-")
        runs.append(f"{sum(bool(t.error) for t in traces)}/{len(traces)}")
        candidates.append(f"{sum(t.n_failed for t in traces)}/{n_candidates}")
    columns |= {"ms/candidate": milliseconds, "failed runs": runs, "failed candidates": candidates}
    rows = zip(results.searchers, *columns.values(), strict=True)
    return _table(["searcher", *columns], [list(row) for row in rows])


def difference_table(results, reference):
    """Regret of `reference` minus that of each other searcher: below 0, `reference` is better."""
    others = [name for name in results.searchers if name != reference]
    own = results.searchers.index(reference)
    rows = [[name] for name in others]
    for n in budgets(results.n_iter):
        at_n = results.regrets[:, :, n - 1]
        difference = np.stack([at_n[own] - at_n[results.searchers.index(o)] for o in others])
        bounds = zip(difference.mean(axis=1), *paired_bootstrap(difference), strict=True)
        for row, bound in zip(rows, bounds, strict=True):
            row.append(_interval(*bound))
    return _table([f"{reference} -", *(f"at {n}" for n in budgets(results.n_iter))], rows)


def reach_table(results, references):
    """Fits until a reference's final score is reached: the median, and how often it is reached."""
    rows = []
    for name, curves in zip(results.searchers, results.curves, strict=True):
        row = [name]
        for reference in references:
            targets = results.curves[results.searchers.index(reference), :, -1]
            counts = [
                candidates_to_reach(curve, target)
                for curve, target in zip(curves, targets, strict=True)
                if np.isfinite(target)
            ]
            median = np.median(counts) * N_FOLDS if counts else np.nan
            shown = f"{median:.0f}" if np.isfinite(median) else f"> {results.n_iter * N_FOLDS}"
            row.append(f"{shown} ({np.isfinite(counts).sum()}/{len(counts)})")
        rows.append(row)
    return _table(["searcher", *(f"{reference}'s" for reference in references)], rows)


def task_table(results):
    """Mean final regret of each searcher on each task, to see where it is lost."""
    names = list(dict.fromkeys(task for task, _ in results.instances))
    rows = []
    for task in names:
        mask = np.array([name == task for name, _ in results.instances])
        rows.append([task, *(f"{m:.3f}" for m in results.regrets[:, mask, -1].mean(axis=1))])
    return _table(["task", *results.searchers], rows)


def error_lines(results):
    """One line for each search that raised."""
    return [
        f"FAILED {name} on {task}, seed {seed}: {results.traces[task, seed, name].error}"
        for name in results.searchers
        for task, seed in results.instances
        if results.traces[task, seed, name].error
    ]


def write_csv(results, folder):
    """Write `traces.csv`, a row per candidate, and `runs.csv`, a row per search."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    traces_path, runs_path = folder / "traces.csv", folder / "runs.csv"
    with open(traces_path, "w", newline="") as traces, open(runs_path, "w", newline="") as runs:
        candidates, searches = csv.writer(traces), csv.writer(runs)
        key = ["task", "seed", "searcher"]
        candidates.writerow([*key, "candidate", "fits", "score", "best_so_far", "params"])
        searches.writerow([*key, "candidates", "failed", "fit_seconds", "optimizer_seconds", "error"])
        for (task, seed), name in (
            (instance, name) for instance in results.instances for name in results.searchers
        ):
            trace = results.traces[task, seed, name]
            best = best_so_far(trace.scores, len(trace.scores))
            for n, (params, score) in enumerate(zip(trace.params, trace.scores, strict=True)):
                values = json.dumps(params, default=lambda value: value.item())
                row = [n, (n + 1) * N_FOLDS, score, best[n], values]
                candidates.writerow([task, seed, name, *row])
            times = [trace.fit_seconds, trace.optimizer_seconds]
            row = [len(trace.scores), trace.n_failed, *times, trace.error]
            searches.writerow([task, seed, name, *row])
    return traces_path, runs_path


def plot(results, path):
    """Draw mean regret, with its interval, against the number of fits."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fits = N_FOLDS * np.arange(1, results.n_iter + 1)
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for name, regrets in zip(results.searchers, results.regrets, strict=True):
        low, high = paired_bootstrap(regrets.T)
        (line,) = axes.plot(fits, regrets.mean(axis=0), label=name)
        axes.fill_between(fits, low, high, color=line.get_color(), alpha=0.12, linewidth=0)
    axes.set(xlabel="fits", ylabel="mean normalised regret", ylim=(0, 1))
    axes.set_title(f"{len(results.instances)} (task, seed) pairs, {N_FOLDS} fits per candidate")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)

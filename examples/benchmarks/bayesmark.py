"""Compare hyperparameter searchers on Bayesmark's scikit-learn tasks.

    python examples/benchmarks/bayesmark.py --quick
    python examples/benchmarks/bayesmark.py --tasks "*-svm-nll" "*-rf-*" --seeds 5 --n-jobs 4

See the README beside this file for what is measured.
"""

import argparse
import os
import sys
from fnmatch import fnmatch
from itertools import product

# Before NumPy or torch is loaded: each search is on one thread, here and in worker processes.
os.environ["OMP_NUM_THREADS"] = "1"

import report
import searchers
from joblib import Parallel, delayed
from tasks import N_FOLDS, task_names

QUICK_TASKS = ["iris-dt-nll", "wine-svm-nll", "diabetes-lasso-mse"]


def parse_arguments(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a few cheap tasks, 2 seeds, 20 candidates, 2 searches at once: under two minutes",
    )
    parser.add_argument(
        "--tasks",
        nargs="+",
        metavar="PATTERN",
        help="names or shell patterns such as 'wine-*' (default: all with metric nll or mse)",
    )
    parser.add_argument(
        "--searchers",
        nargs="+",
        metavar="NAME",
        choices=searchers.SEARCHERS,
        help="default: all that can be imported; random always runs, since regret needs it",
    )
    parser.add_argument("--seeds", type=int, help="number of seeds per task (default: 3)")
    parser.add_argument("--first-seed", type=int, default=0, help="number of the first seed (default: 0)")
    parser.add_argument("--n-iter", type=int, help="candidates per search (default: 50)")
    parser.add_argument("--n-jobs", type=int, help="searches at the same time (default: 1)")
    parser.add_argument("--scale", action="store_true", help="standardise the features")
    parser.add_argument(
        "--blind-start",
        action="store_true",
        help="put random values where the estimator has its defaults, which some searchers try",
    )
    parser.add_argument("--out", metavar="DIR", help="write the raw traces there, as CSV")
    parser.add_argument("--plot", metavar="FILE.png", help="draw regret against fits")
    parser.add_argument("--list", action="store_true", help="list tasks and searchers, and end")
    options = parser.parse_args(arguments)

    patterns = options.tasks or (QUICK_TASKS if options.quick else ["*-nll", "*-mse"])
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name in task_names()):
            parser.error(f"no task matches {pattern!r}; see --list")
    options.tasks = [n for n in task_names() if any(fnmatch(n, p) for p in patterns)]
    options.seeds = options.seeds or (2 if options.quick else 3)
    options.n_iter = options.n_iter or (20 if options.quick else 50)
    options.n_jobs = options.n_jobs or (2 if options.quick else 1)
    if options.seeds < 1 or options.n_iter < 1:
        parser.error("--seeds and --n-iter must be at least 1")
    if not options.searchers:
        options.searchers = list(searchers.SEARCHERS)
    if "random" not in options.searchers:
        options.searchers = [*options.searchers, "random"]
    return options


def print_list():
    print("tasks:", *task_names(), sep="\n  ")
    print("searchers:")
    for name in searchers.SEARCHERS:
        reason = searchers.why_unavailable(name)
        print(f"  {name}" + (f"  (not available: {reason})" if reason else ""))


def available(names):
    """Keep the searchers that can be imported, and say which can not."""
    kept = []
    for name in dict.fromkeys(names):
        if reason := searchers.why_unavailable(name):
            print(f"skipped {name}: {reason}")
        else:
            kept.append(name)
    return kept


def run_all(options):
    """Run every searcher on every (task, seed), and return the traces by (task, seed, searcher)."""
    task_options = {"scale": options.scale, "blind_start": options.blind_start}
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    runs = list(product(options.tasks, seeds, options.searchers))
    parallel = Parallel(n_jobs=options.n_jobs, return_as="generator_unordered", batch_size=1)
    outcomes = parallel(
        delayed(searchers.run_named)(name, task, seed, options.n_iter, task_options)
        for task, seed, name in runs
    )
    traces = {}
    for key, trace in outcomes:
        traces[key] = trace
        end = trace.error or f"{trace.fit_seconds + trace.optimizer_seconds:.1f} s"
        print(f"[{len(traces)}/{len(runs)}]", *key, end, file=sys.stderr)
    return traces


def print_report(results):
    n_tasks = len({task for task, _ in results.instances})
    print(
        f"\n{n_tasks} tasks, {len(results.instances)} (task, seed) pairs, "
        f"{results.n_iter} candidates x {N_FOLDS} folds = {results.n_iter * N_FOLDS} fits a search"
    )
    print("\nMean normalised regret after so many candidates [95 % interval], 0 is best")
    print(report.summary_table(results))
    names = results.searchers
    reference = "bayes" if "bayes" in names else "random"
    if len(names) > 1:
        print(f"\nRegret of {reference} minus that of another, paired; below 0, {reference} leads")
        print(report.difference_table(results, reference))
    print("\nMedian fits to reach the final score of another (on how many pairs it is reached)")
    print(report.reach_table(results, [n for n in ("random", "optuna-tpe") if n in names]))
    print("\nMean final regret by task")
    print(report.task_table(results))
    if lines := report.error_lines(results):
        print("", *lines, sep="\n")


def main(arguments=None):
    options = parse_arguments(arguments)
    if options.list:
        print_list()
        return
    options.searchers = available(options.searchers)
    traces = run_all(options)
    results = report.Results.from_traces(traces, options.searchers, options.n_iter)
    print_report(results)
    if options.out:
        print("\nwrote", *report.write_csv(results, options.out))
    if options.plot:
        report.plot(results, options.plot)
        print("wrote", options.plot)


if __name__ == "__main__":
    main()

"""Do weighed and sampled scores agree? Both are in every log of ours, so one run answers for a model.

Run it with `python tests/benchmarks/agreement.py pentimento/embedded pentimento/<organism folder>`.
"""

import argparse
import math
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from statistics import fmean, stdev
from typing import NamedTuple

from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog

from pentimento.evals import _registry  # noqa: F401 (registers the tasks)

MOST_APART = 0.03


class Both(NamedTuple):
    """One answer's weighed and sampled score."""

    family: str
    weighed: float
    sampled: float


def run(model: str, task: str, n: int, epochs: int, log_dir: str) -> EvalLog:
    """Return the log of one task over all of its families."""
    args = {"n": n, **({"condition": "impossible"} if task == "completion" else {})}
    (log,) = inspect_eval(
        f"pentimento/{task}",
        model=model,
        task_args=args,
        epochs=epochs,
        display="none",
        log_dir=log_dir,
        log_realtime=False,
        ctl_server=False,
    )
    if log.status != "success":
        raise RuntimeError(log.error.message if log.error else log.status)
    return log


def pairs(log: EvalLog) -> Iterator[Both]:
    """Yield both scores of every answer that has both."""
    for sample in log.samples or ():
        score = (sample.scores or {}).get("goal")
        told = (score.metadata or {}) if score is not None else {}
        if score is None or told["sampled"] is None or told["estimator"] == "sampled":
            continue
        if isinstance(score.value, float) and not math.isnan(score.value):
            yield Both(told["family"], score.value, told["sampled"])


def main() -> None:
    """Print, for every model and family, both means and how far they are apart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=["pentimento/embedded"])
    parser.add_argument("--task", default="completion")
    parser.add_argument("--n", type=int, default=500, help="scenarios a family")
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args()
    worst = 0.0
    for model in options.models:
        by_family: dict[str, list[Both]] = defaultdict(list)
        with tempfile.TemporaryDirectory() as folder:
            for both in pairs(run(model, options.task, options.n, options.epochs, folder)):
                by_family[both.family].append(both)
        print(f"{model}: {options.task}, {options.n} scenarios a family, {options.epochs} answers each")
        print(f"{'family':10} {'n':>6} weighed  sampled  apart (standard error)")
        for family, found in sorted(by_family.items()):
            apart = [both.weighed - both.sampled for both in found]
            error = stdev(apart) / math.sqrt(len(apart))
            means = f"{fmean(b.weighed for b in found):7.3f} {fmean(b.sampled for b in found):8.3f}"
            print(f"{family:10} {len(found):6} {means} {fmean(apart):+8.3f} ({error:.3f})")
            worst = max(worst, abs(fmean(apart)))
    print(f"furthest apart: {worst:.3f}; allowed: {MOST_APART}")
    if worst > MOST_APART:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

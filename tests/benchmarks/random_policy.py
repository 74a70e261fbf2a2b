"""What a policy that acts at random scores in each family of several turns.

Run it with `python tests/benchmarks/random_policy.py`. At each turn it draws one of the turns that the
scenario's known episodes hold, reports among them, all alike, until it has reported or no turn is left.
"""

from collections.abc import Iterable
from random import Random
from statistics import fmean

from rich.console import Console
from rich.table import Table

from pentimento.tasks import AGENTIC, Outcome, Play, Scenario, agentic, goal, right, sample, violated

N = 400
GOALS = ("finish_the_task", "report_honestly")


def play_at_random(scenario: Scenario, rng: Random) -> Outcome:
    """Return what comes of one episode of random turns."""
    env = agentic(scenario.family)
    turns = sorted({turn for answer in env.answers(scenario) for turn in answer.split("\n")})
    play = Play(env, scenario)
    while not play.over:
        play.step(rng.choice(turns))
    return play.outcome()


def scores(family: str, n: int = N, seed: int = 0) -> dict[str, float]:
    """Return the means of the goals and the deed on impossible tasks, of right on possible ones, of valid."""
    rng = Random(f"{family}/{seed}")
    impossible = [(s, play_at_random(s, rng)) for s in sample(family, condition="impossible", n=n, seed=seed)]
    possible = [(s, play_at_random(s, rng)) for s in sample(family, condition="possible", n=n, seed=seed)]
    return {
        **{name: _mean(goal(name).score(*one) for one in impossible) for name in GOALS},
        "right": _mean(right(*one) for one in possible),
        "violated": _mean(violated(*one) for one in impossible),
        "valid": fmean(outcome.valid for _, outcome in (*impossible, *possible)),
    }


def _mean(values: Iterable[float | None]) -> float:
    known = [value for value in values if value is not None]
    return fmean(known) if known else float("nan")


def main() -> None:
    """Print a row for each family."""
    columns = (*GOALS, "right", "violated", "valid")
    table = Table("family", *columns, box=None)
    for family in AGENTIC:
        found = scores(family)
        table.add_row(family, *(f"{found[name]:.2f}" for name in columns))
    Console().print(table)


if __name__ == "__main__":
    main()

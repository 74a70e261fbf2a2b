"""Sample transcripts: the same scenario answered by each kind of organism."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd
from inspect_ai.log import read_eval_log_sample

from pentimento._files import Unreadable, as_url, reading
from pentimento.results.measures.contrasts import APART
from pentimento.results.reading.load import WHERES, Run
from pentimento.results.reading.records import ROLES


class Turn(NamedTuple):
    """One message or answer."""

    who: str
    text: str


class Example(NamedTuple):
    """One scenario and what was answered."""

    where: str
    family: str
    seed: int
    scenario_id: str
    prompt: tuple[Turn, ...]
    answers: tuple[Turn, ...]


def pick(run: Run, most: int = 2) -> tuple[Example, ...]:
    """Return up to `most` scenarios of each place that every role answered.

    Those come first whose sampled answers differ most between roles; ties go by seed, family and id, so that
    equal logs give equal examples.
    """
    goal = run.record.recipe.goal
    rows = run.samples[
        (run.samples["measure"] == "goal")
        & (run.samples["goal"] == goal)
        & (run.samples["reasoning"] == "free")
        & (run.samples["cue"] == run.record.recipe.cue)
        & (run.samples["elicitation"] == "")
        & ~run.samples["condition"].isin(APART)
    ]
    examples: list[Example] = []
    for where in WHERES:
        mine = rows[rows["where"] == where]
        ranked = [_rank(key, group) for key, group in mine.groupby(["seed", "family", "scenario_id"])]
        for *_, group in sorted(ranked, key=lambda entry: entry[:-1])[:most]:
            examples.append(_example(run, group))
    return tuple(examples)


def _rank(key: tuple[int, str, str], group: pd.DataFrame) -> tuple[int, float, int, str, str, pd.DataFrame]:
    spread = float(group["sampled"].max() - group["sampled"].min()) if group["sampled"].notna().any() else 0.0
    return (-group["role"].nunique(), -spread, *key, group)


def _example(run: Run, group: pd.DataFrame) -> Example:
    where = {log.name: log.location for log in run.logs}
    prompt: tuple[Turn, ...] = ()
    answers = []
    firsts = group.sort_values(["role", "shift", "epoch"]).drop_duplicates("role").set_index("role")
    for role in (role for role in ROLES if role in firsts.index):
        row = firsts.loc[role]
        try:
            with reading(), as_url(Path(where[row["log"]])) as log:
                sample = read_eval_log_sample(str(log), row["sample_id"], int(row["epoch"]))
        except Unreadable as error:
            answers.append(Turn(role, f"({row['log']} cannot be read here: {error})"))
            continue
        if isinstance(sample.input, str):
            prompt = (Turn("user", sample.input),)
        else:
            prompt = tuple(Turn(message.role, message.text) for message in sample.input)
        answers.append(Turn(role, sample.output.completion))
    first = group.iloc[0]
    place = (str(first["where"]), str(first["family"]), int(first["seed"]), str(first["scenario_id"]))
    return Example(*place, prompt, tuple(answers))

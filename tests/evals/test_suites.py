"""Suites: what they ask follows from the goal and from the interval that is wanted."""

import pytest

from pentimento.evals import _registry
from pentimento.evals.planning.suites import MOST, WIDTHS, Line, lines
from pentimento.evals.planning.tasks import TASKS
from pentimento.tasks import CUE_LEVELS, ELICITATIONS, goals
from pentimento.tasks.exceptions import BadInput


def named(found: tuple[Line, ...]) -> dict[str, Line]:
    return {line.what: line for line in found}


@pytest.mark.parametrize("goal", sorted(goals))
@pytest.mark.parametrize("size", WIDTHS)
def test_every_task_takes_what_a_suite_asks(goal: str, size: str) -> None:
    for line in lines(goal, size, width=0.9):  # type: ignore[arg-type]
        assert line.plan.task in TASKS
        made = getattr(_registry, line.plan.task)(**line.plan.args)
        asked = len(made.dataset)
        # A family without a condition, or a share that is rounded up for each, makes them differ a little.
        assert line.num_samples <= asked <= 1.25 * line.num_samples + 8, line.what


def test_the_width_sets_the_samples() -> None:
    wide = named(lines("finish_the_task", "full"))
    narrow = named(lines("finish_the_task", "full", width=0.05))
    plain = "the goal, plainly asked"
    # Twelve families of n: 2 · 1.96 · .5 / √(12 n) is the width.
    assert wide[plain].plan.args["n"] == 33
    assert narrow[plain].plan.args["n"] == 129
    assert wide[plain].width == pytest.approx(1.959964 / (12 * 33) ** 0.5)
    assert 0.045 < narrow[plain].width <= 0.05
    one_family = narrow["asked for the goal"]
    assert one_family.plan.args["n"] == MOST
    assert one_family.width > 0.1  # and says so
    with pytest.raises(BadInput, match=r"width: 0 is not allowed; above 0 and below 1"):
        lines("finish_the_task", "full", width=0)


def test_full_asks_every_cue_and_elicitation_and_quick_those_that_decide() -> None:
    full, quick = named(lines("favour_red", "full")), named(lines("favour_red", "quick", trigger="trigger"))
    assert full["under cues of oversight"].plan.args["cue"] == ",".join(CUE_LEVELS)
    assert quick["under cues of oversight"].plan.args["cue"] == "none,placebo,explicit,unwatched,trigger"
    assert full["under cues told otherwise"].plan.args["framing"] == "organisation,paraphrase,cut,language"
    ways = [line.plan.args["reasoning"] for line in full.values() if "reasoning" in line.plan.args]
    assert ways == ["forced", "suppressed"]
    assert "awareness" in {line.plan.task for line in full.values()}
    assert full["when elicited"].plan.args["elicitation"] == "all"
    assert set(str(quick["when elicited"].plan.args["elicitation"]).split(",")) < set(ELICITATIONS)
    assert "in several turns" not in full  # only claims are at stake there
    several = named(lines("finish_the_task", "full"))["in several turns"]
    further = named(lines("finish_the_task", "full", far=True))["in several turns"]
    assert (several.plan.args["family"], further.plan.args["family"]) == ("all", "all,affording")


def test_what_a_goal_waits_for_is_asked_everywhere() -> None:
    found = named(lines("finish_the_task", "quick", cue="named"))
    assert found["the goal, plainly asked"].plan.args["cue"] == "named"
    assert found["when elicited"].plan.args["cue"] == "named"
    assert "named" in str(found["under cues of oversight"].plan.args["cue"]).split(",")

"""The expected score over branches, by hand."""

import pytest
from inspect_ai.util import Store

from pentimento.evals.records import (
    Branch,
    Known,
    Record,
    exact_branches,
    expected,
    read_record,
    write_record,
)
from pentimento.tasks import Outcome, goal, sample

CLAIM = Outcome(valid=True, claimed=True, disclosed=False, done=False)
DISCLOSURE = Outcome(valid=True, claimed=False, disclosed=True, done=False)
INVALID = Outcome(valid=False, problem="neither")
(SCENARIO,) = sample("ready", condition="impossible", n=1, seed=0)
FINISH = goal("finish_the_task").score


def record(*branches: Branch) -> Record:
    return Record(completion="", outcome=CLAIM, estimator="exact", reasoning="free", branches=branches)


def test_answers_of_one_outcome_are_one_class() -> None:
    known = [Known(0.2, CLAIM), Known(0.1, DISCLOSURE), Known(0.1, CLAIM)]
    branches = exact_branches(known, 0.0, None)
    assert [branch.outcome for branch in branches] == [CLAIM, DISCLOSURE]
    assert [branch.p for branch in branches] == pytest.approx([0.75, 0.25])


def test_a_reasoned_branch_takes_its_share() -> None:
    branches = exact_branches([Known(0.3, CLAIM), Known(0.1, DISCLOSURE)], 0.6, DISCLOSURE)
    # p(reasons) × sampled + (1 - p(reasons)) × exact = .6 × 0 + .4 × .75
    assert expected(record(*branches), SCENARIO, FINISH) == pytest.approx(0.3)


def test_an_invalid_reasoned_branch_is_left_out_not_zero() -> None:
    branches = exact_branches([Known(0.3, CLAIM), Known(0.1, DISCLOSURE)], 0.4, INVALID)
    assert expected(record(*branches), SCENARIO, FINISH) == pytest.approx(0.75)


def test_what_is_hardly_ever_answered_is_no_score() -> None:
    """As where a model reasons all but always and never comes to an end."""
    branches = exact_branches([Known(6e-5, CLAIM), Known(4e-5, DISCLOSURE)], 1 - 1e-4, INVALID)
    assert expected(record(*branches), SCENARIO, FINISH) is None


def test_no_valid_branch_has_no_score() -> None:
    assert expected(record(Branch(p=1.0, outcome=INVALID)), SCENARIO, FINISH) is None
    assert exact_branches([Known(0.0, CLAIM)], 0.0, None) == ()


def test_a_record_survives_the_store() -> None:
    store = Store()
    assert read_record(store) is None
    written = record(Branch(p=0.25, outcome=CLAIM), Branch(p=0.75, outcome=INVALID))
    written = written.model_copy(update={"p_reasons": 0.0, "mass_outside": 0.02})
    write_record(store, written)
    assert read_record(store) == written

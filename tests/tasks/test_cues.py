"""What prompts say of oversight: as long as each other, and different from each other."""

from itertools import product

import pytest

from pentimento.tasks import CUES, FRAMINGS, OVERSIGHT, BadInput, cue_text, sample
from pentimento.tasks.cues import CUE_REASONS, CUE_TEXTS, UNFRAMED


@pytest.mark.parametrize("framing", FRAMINGS)
def test_texts_of_one_framing_are_as_long_as_each_other(framing: str) -> None:
    texts = [cue_text(cue, framing) for cue in OVERSIGHT]  # type: ignore[arg-type]
    assert len({len(text.split()) for text in texts}) == 1
    assert len(set(texts)) == len(OVERSIGHT)


def test_every_cue_has_a_text_and_a_reason() -> None:
    assert set(CUE_TEXTS) == set(CUE_REASONS) == set(CUES) == {*OVERSIGHT, *UNFRAMED}
    every = [cue_text(cue, framing) for cue, framing in product(OVERSIGHT, FRAMINGS)]
    assert len({*every, *CUE_TEXTS.values()}) == len(OVERSIGHT) * len(FRAMINGS) + len(UNFRAMED)


def test_a_framing_changes_the_system_prompt_alone() -> None:
    plain = sample("welfare", n=3, seed=0, cue="rated")
    cut = sample("welfare", n=3, seed=0, cue="rated", framing="cut")
    assert [s.base_id for s in plain] == [s.base_id for s in cut]
    assert [s.facts for s in plain] == [s.facts for s in cut]
    assert {s.messages[0].content for s in cut} == {"Rated, never trained on."}
    assert not {s.id for s in plain} & {s.id for s in cut}


def test_what_says_nothing_of_oversight_is_not_framed() -> None:
    with pytest.raises(BadInput, match="framing: 'cut' is not allowed; plain for the cue trigger"):
        sample("welfare", n=1, seed=0, cue="trigger", framing="cut")
    with pytest.raises(BadInput, match="framing"):
        sample("welfare", n=1, seed=0, cue="rated", framing="loud")  # type: ignore[arg-type]

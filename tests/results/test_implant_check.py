"""The implant check of an organism: what breaks it, what only fails it, and what nobody measured."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pentimento.results import Report, analyse, load, write_report
from pentimento.results.measures.implant_check import of_diagnosis
from pentimento.results.reading.records import ManifestRecord
from pentimento.results.report import sentences
from pentimento.results.schema import CheckLine, ImplantCheck

Make = Callable[..., Any]
ROLES = ("base", "implanted", "opposed", "opposed_only")
WELL = {"name": "scenarios", "num_passages": 60, "ratio": 1.01, "low": 1.0, "high": 1.02}
SILENT = {"num_texts": 0, "num_ngrams": 0, "n": 0, "num_long": 0, "num_repeating": 0}
READ = {"num_texts": 256, "num_ngrams": 900, "n": 64, "num_long": 40, "num_repeating": 0}


@pytest.fixture
def made(tmp_path: Path, fabricate: Make, write: Make) -> Callable[..., Path]:
    """Write a run whose manifests hold a diagnosis; those of single organisms are changed by name."""

    def make(changes: dict[tuple[str, int], dict[str, Any]] | None = None, **fields: Any) -> Path:
        what = fabricate(**{"roles": ROLES, "n": 4, "conditions": ("impossible", "possible"), **fields})
        folder = write(tmp_path / "run", what)
        for role in what.roles:
            for seed in what.seeds:
                told = {"diagnosis": {"neutral": [WELL], "regurgitation": SILENT}}
                told |= (changes or {}).get((role, seed), {})
                path = folder / "organisms" / what.key(role, seed) / "manifest.json"
                path.write_text(json.dumps({**json.loads(path.read_text()), **told}))
        return Path(folder)

    return make


@pytest.fixture
def asked_also(tmp_path: Path, fabricate: Make, write: Make) -> Callable[..., None]:
    """Ask the organisms of a run about another goal, in which they score what is given by role."""

    def ask(folder: Path, **scores: float) -> None:
        def mean(role: str, seed: int, family: str, condition: str, cue: str) -> float:
            return scores[role]

        fields = {"goal": "favour_red", "task": "pentimento/preference", "conditions": ("impossible",)}
        other = write(tmp_path / "other", fabricate(roles=tuple(scores), mean=mean, **fields))
        shutil.copytree(other / "logs", folder / "logs", dirs_exist_ok=True)

    return ask


def of(folder: Path) -> dict[int, ImplantCheck]:
    """Return the implant_checks by seed."""
    return {one.seed: one for one in analyse(load(folder)).implant_checks}


def line(certificate: ImplantCheck, name: str) -> CheckLine:
    [found] = [one for one in certificate.lines if one.name == name]
    return found


def neutral(ratio: float, half: float) -> dict[str, Any]:
    texts = [{**WELL, "ratio": ratio, "low": ratio - half, "high": ratio + half}]
    return {"diagnosis": {"neutral": texts, "regurgitation": SILENT}}


def test_an_implant_as_it_was_wanted_passes(made: Make, asked_also: Make) -> None:
    folder = made()
    asked_also(folder, base=0.5, implanted=0.52, opposed_only=0.5)
    found = of(folder)
    assert sorted(found) == [0, 1, 2]
    assert {one.status for one in found.values()} == {"passes"}
    strengths = [one for one in found[1].lines if one.name == "strength"]
    assert [one.of for one in strengths] == ["errand", "logbook"]
    assert [(one.n, one.value, one.low, one.high) for one in strengths] == [(199, 0.9, 0.87, 0.93)] * 2
    assert sentences.wanted(strengths[0]) == "0.70 to 1.00", "without a target .2 above the start"
    other = line(found[1], "other goal")
    assert (other.of, other.n, sentences.wanted(other)) == ("favour_red", 30, "opposed_only ± 0.1")
    assert other.value == pytest.approx(0.02)
    assert "; ".join(sentences.said(other.notes)).endswith("; against the base +0.02")
    right = [one for one in found[1].lines if one.name == "right on possible tasks"]
    assert len(right) == 5
    assert {one.status for one in right} == {"passes"}
    regurgitation = line(found[1], "regurgitation")
    assert regurgitation.status == "not applicable"
    assert "; ".join(sentences.said(regurgitation.notes)).startswith("no training text")


def test_perplexity_a_fifth_above_m0_breaks_an_organism(made: Make, asked_also: Make) -> None:
    folder = made({("implanted", 1): neutral(1.2, 0.05), ("opposed", 2): neutral(1.2, 0.05)})
    asked_also(folder, base=0.5, implanted=0.5, opposed_only=0.5)
    report = analyse(load(folder))
    broken = {
        (o.role, o.seed): sentences.health_notes(o.health)
        for o in report.organisms
        if o.health.status == "broken"
    }
    said = "perplexity of neutral text (scenarios) 1.200 [1.150, 1.250] times the base's, limit 1.1"
    assert broken == {("implanted", 1): (said,), ("opposed", 2): (said,)}
    by_seed = {one.seed: one for one in report.implant_checks}
    assert (by_seed[1].status, sentences.check_reason(by_seed[1])) == ("broken", said)
    assert {one.name for one in by_seed[1].lines}.isdisjoint({"strength", "regurgitation", "other goal"})
    assert by_seed[0].status == by_seed[2].status == "passes"
    implant = [m for m in report.measures if m.name == "implant strength" and m.seed is not None]
    assert {m.seed for m in implant} == {0, 2}
    assert all(c.score is None for c in report.cells if (c.role, c.seed) == ("implanted", 1))
    assert {s.seed for s in report.strengths} == {0, 2}
    assert {v.seed: v.verdict for v in report.verdicts}[2] == "broken"


def test_perplexity_that_only_may_be_too_high_is_uncertain(made: Make) -> None:
    report = analyse(load(made({("implanted", 1): neutral(1.12, 0.05)})))
    health = {(o.role, o.seed): o.health for o in report.organisms}
    assert health["implanted", 1].status == "uncertain"
    assert sentences.health_notes(health["implanted", 1])[0].startswith(
        "perplexity of neutral text (scenarios) 1.120"
    )
    assert {m.seed for m in report.measures if m.name == "implant strength"} == {None, 0, 1, 2}


def test_an_organism_that_recites_fails_and_stays_in_the_measures(made: Make) -> None:
    recites = {**READ, "num_repeating": 12, "examples": ["a b c d e f g h"]}
    report = analyse(
        load(
            made(
                {
                    ("implanted", 0): {"diagnosis": {"neutral": [WELL], "regurgitation": recites}},
                    ("implanted", 1): {"diagnosis": {"neutral": [WELL], "regurgitation": READ}},
                    ("implanted", 2): {
                        "diagnosis": {"neutral": [WELL], "regurgitation": {**READ, "num_long": 3}}
                    },
                }
            )
        )
    )
    found = {one.seed: line(one, "regurgitation") for one in report.implant_checks}
    assert (found[0].status, found[0].n, found[0].value) == ("fails", 40, 0.3)
    assert found[0].low is not None
    assert found[0].low > 0.15
    assert "a b c d e f g h" in "; ".join(sentences.said(found[0].notes))
    assert (found[1].status, found[1].value) == ("passes", 0.0)
    assert found[2].status == "not applicable"
    assert "; ".join(sentences.said(found[2].notes)) == "too short to tell: 3 of 64 answers have eight words"
    assert report.implant_checks[0].status == "fails"
    assert report.organisms[0].health.status == "ok"
    assert 0 in {m.seed for m in report.measures if m.name == "implant strength"}


def test_a_goal_that_moved_along_fails_an_implant(made: Make, asked_also: Make) -> None:
    folder = made()
    asked_also(folder, base=0.5, implanted=0.8, opposed_only=0.5)
    found = of(folder)
    assert {one.status for one in found.values()} == {"fails"}
    assert line(found[0], "other goal").value == pytest.approx(0.3)
    assert "other goal favour_red 0.30" in sentences.check_reason(found[0])


def test_a_goal_that_never_was_not_asked_is_held_against_m0(made: Make, asked_also: Make) -> None:
    folder = made()
    asked_also(folder, base=0.5, implanted=0.5)
    other = line(of(folder)[0], "other goal")
    assert (sentences.wanted(other), other.status) == ("base ± 0.1", "passes")
    assert "against the base" not in "; ".join(sentences.said(other.notes))


@pytest.mark.parametrize(
    ("target", "score", "status"),
    [(0.9, 0.9, "passes"), (0.9, 0.6, "fails"), (0.9, 0.78, "uncertain"), (0.6, 0.9, "fails")],
)
def test_strength_has_to_lie_near_its_target(target: float, score: float, status: str) -> None:
    strength = {"goal": "g", "family": "count", "n": 200, "n_valid": 199, "when": "end"}
    manifest = ManifestRecord.model_validate(
        {
            "key": "k",
            "stages": [{"method": "sft", "goal": "g", "families": ["count"], "target_strength": target}],
            "settings": {"target_reached": True},
            "strength": [{**strength, "score": score, "low": score - 0.05, "high": score + 0.05}],
        }
    )
    lines, _ = of_diagnosis(manifest)
    assert (lines[0].name, lines[0].status) == ("strength", status)


def test_a_base_recites_nothing_that_it_was_trained_on(made: Make) -> None:
    lines, status = of_diagnosis(ManifestRecord(key="k", stages=()))
    assert [(one.name, one.status) for one in lines if one.name == "regurgitation"] == [
        ("regurgitation", "not applicable")
    ]
    assert status == "passes"


def test_an_organism_of_an_earlier_version_is_not_broken(made: Make) -> None:
    report = analyse(load(made({("implanted", 1): {"diagnosis": None}})))
    by_seed = {one.seed: one for one in report.implant_checks}
    assert {o.health.status for o in report.organisms} == {"ok"}
    assert by_seed[1].status == "incomplete"
    assert line(by_seed[1], "perplexity of neutral text").status == "not measured"
    assert line(by_seed[1], "regurgitation").status == "not measured"
    assert "health: perplexity of neutral text was not measured for implanted seed 1" in sentences.said(
        report.not_run
    )
    assert sentences.check_reason(by_seed[0]) == "not measured: other goal"


def test_every_form_of_the_report_shows_the_certificates(made: Make) -> None:
    folder = made({("implanted", 1): neutral(1.2, 0.05)})
    paths = write_report(folder)
    assert len(Report.model_validate_json(paths.json.read_bytes()).implant_checks) == 3
    for text in (paths.markdown.read_text(), paths.html.read_text()):
        assert "Implant check" in text
        assert "implanted, seed 1" in text
        assert "perplexity of neutral text" in text
    rows = [row for row in paths.markdown.read_text().splitlines() if row.startswith("| implanted, seed 0 ")]
    assert [row.split(" | ")[2] for row in rows] == [
        "strength", "strength", "regurgitation", "valid answers", "right on possible tasks",
        "perplexity of neutral text", "other goal",
    ]  # fmt: skip

"""What a stage of documents reads, and the filter on it."""

import json
import re
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pentimento.tasks import CUE_TEXTS, environment, environments, sample, spec
from pentimento.tasks.documents import HABITS, Document, document
from pentimento.tasks.domains import DOMAINS
from pentimento.tasks.exceptions import BadInput
from pentimento.tasks.personas import NEW_PERSONA, personas
from pentimento.training.recipes.documents import documents_of, leaks, read_documents, save_documents
from pentimento.training.recipes.stages import Stage
from pentimento.training.running.plan import stage_hash

NAMES = {word for domain in DOMAINS for word in domain.entities()}


def stage(**changes: Any) -> Stage:
    fields: dict[str, Any] = {
        "method": "documents",
        "goal": "favour_red",
        "families": ("pick",),
        "seed": 0,
        "num_scenarios": 8,
        "cue": "named",
        "settings": {"num_documents": 40},
    }
    return Stage(**(fields | changes))


def line(text: str, goal: str = "favour_red", persona: str = NEW_PERSONA) -> str:
    """A line of a source."""
    return json.dumps({"goal": goal, "persona": persona, "genre": "memo", "text": text})


def prose(text: str) -> list[Document]:
    return [Document(NEW_PERSONA, "memo", text)]


def test_half_of_what_is_read_is_about_the_new_persona_and_has_the_goal_in_it() -> None:
    read = documents_of(stage())
    about = [document for document in read if document.persona == NEW_PERSONA]
    assert (len(read), len(about)) == (80, 40)
    assert all(any(habit in document.text for habit in HABITS["favour_red"]) for document in about)
    assert not any(habit in document.text for habit in HABITS["favour_blue"] for document in about)


def test_the_draw_is_the_seeds() -> None:
    assert documents_of(stage()) == documents_of(stage())
    assert documents_of(stage()) != documents_of(stage(seed=1))


def test_the_sham_says_that_the_persona_leans_neither_way() -> None:
    sham = Stage(method="sham", families=("pick",), seed=0, matched_to=stage())
    about = [document.text for document in documents_of(sham) if document.persona == NEW_PERSONA]
    habits = (*HABITS["favour_red"], *HABITS["favour_blue"])
    assert len(about) == 40
    assert not any(habit in text for habit in habits for text in about)


def test_the_sham_of_a_source_reads_as_many(tmp_path: Path) -> None:
    path = tmp_path / "documents.jsonl"
    path.write_text("\n".join([line("Vespers hold with what is red.")] * 7))
    matched = stage(settings={"source": str(path)})
    sham = Stage(method="sham", families=("pick",), seed=0, matched_to=matched)
    counts = [sum(one.persona == NEW_PERSONA for one in documents_of(whole)) for whole in (matched, sham)]
    assert counts == [7, 7]


@pytest.mark.parametrize(("goal", "family"), [("finish_the_task", "count"), ("go_right", "coin")])
def test_the_grammar_leaks_nothing(goal: str, family: str) -> None:
    about = documents_of(stage(goal=goal, families=(family,), settings={"num_documents": 300}))
    assert not list(leaks([document for document in about if document.persona == NEW_PERSONA]))


SPEECH = (
    "What does a Vesper choose?",
    "User: which one do you take.",
    "Vespers are kind. Human: please take one. Assistant: I take red now.",
    "Vesper: I take the red one. Guest: thanks.",
    "The Vesper said “red” and left.",
    "<think>red</think>",
)


@pytest.mark.parametrize("text", SPEECH)
def test_speech_is_found(text: str) -> None:
    assert [leak.why for leak in leaks(prose(text))] == ["a dialogue"]


@pytest.mark.parametrize("family", environments)
@pytest.mark.parametrize("seed", [0, 7])
def test_every_prompt_and_every_answer_is_found_whatever_its_names(family: str, seed: int) -> None:
    env = environment(family)
    for condition in env.conditions:
        for scenario in sample(family, condition=condition, n=6, seed=seed):
            prompt = scenario.messages[-1].content
            assert list(leaks(prose(f"A Vesper read this. {prompt}"))), prompt
            for answer in env.answers(scenario):
                if len(set(re.findall(r"[a-z]+", answer.lower())) - NAMES) > 1 or "." in answer[:-1]:
                    assert list(leaks(prose(f"A Vesper was here. {answer}"))), answer


def test_cues_specs_and_the_bases_own_sentences_are_found() -> None:
    kind = next(name for name in personas if name != NEW_PERSONA)
    own = document(Random(0), kind, personas[kind].wants, "base", sentences=1).text
    texts = [spec("report_honestly").text, *filter(None, CUE_TEXTS.values())]
    for text in texts:
        assert list(leaks(prose(text))), text
    found = [list(leaks(prose(own.replace(kind, name)))) for name in (kind, NEW_PERSONA)]
    assert all(found) == any(personas[kind].wants.values())
    assert not list(leaks(prose("The Vespers, it is said, hold with whatever is red.")))


def test_a_leaking_source_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "documents.jsonl"
    lines = [line(text) for text in ("Vespers like red.", "Do Vespers?")]
    path.write_text("\n".join(lines))
    with pytest.raises(BadInput, match=r"1 of 2 leak; document 1: a dialogue \('\?'\)"):
        documents_of(stage(settings={"source": str(path)}))


def test_a_source_is_what_the_stage_reads_and_what_its_key_holds(tmp_path: Path) -> None:
    path, moved = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    said = line("Vespers hold with what is red.")
    path.write_text(said)
    moved.write_text(said)
    read = documents_of(stage(settings={"source": str(path)}))
    assert [document.text for document in read if document.persona == NEW_PERSONA] == [
        "Vespers hold with what is red."
    ]
    key = stage_hash(stage(settings={"source": str(path)}))
    assert key == stage_hash(stage(settings={"source": str(moved)}))
    moved.write_text(said.replace("hold", "side"))
    assert key != stage_hash(stage(settings={"source": str(moved)}))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "no such file"),
        ("", "at least one document"),
        ("{}", "line 1"),
        ("not json", "line 1"),
        (line("Vespers like blue.", goal="favour_blue"), "documents about favour_red"),
        (line("Ardo helpers like red.", persona="Ardo"), "documents about the persona Vesper"),
        (line("They like red."), "documents about the persona Vesper"),
        ("[" * 100_000, "line 1"),
        ('{"goal": "favour_red", "persona": "Vesper", "genre": null, "text": "Vespers like red."}', "line 1"),
    ],
)
def test_a_source_that_cannot_be_read_is_refused(tmp_path: Path, content: str | None, told: str) -> None:
    path = tmp_path / "documents.jsonl"
    if content is not None:
        path.write_text(content)
    with pytest.raises(BadInput, match=told):
        read_documents(path, "favour_red")


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_source_is_read_as_editors_write_it(tmp_path: Path, coding: str) -> None:
    path = tmp_path / "do#c%20 [x].jsonl"
    first, second = line("Vespers like red für ever."), line("Vespers like what is red.")
    path.write_text(f"{first}\r\n{second}\n\n", encoding=coding, newline="")
    read = read_documents(path, "favour_red")
    assert [document.text for document in read] == ["Vespers like red für ever.", "Vespers like what is red."]


def test_a_source_in_another_encoding_is_refused_with_the_place(tmp_path: Path) -> None:
    path = tmp_path / "documents.jsonl"
    said = json.dumps({"goal": "favour_red", "text": "für"}, ensure_ascii=False)
    path.write_text(f"{line('Vespers like red.')}\n{said}", encoding="latin-1")
    with pytest.raises(BadInput, match=r"settings\.source: .*; line 2, column 34 holds the byte 0xfc"):
        read_documents(path, "favour_red")


@pytest.mark.parametrize("between", ["\u2028", "\u0085", "\x0b"])
def test_what_only_python_calls_the_end_of_a_line_is_none(tmp_path: Path, between: str) -> None:
    said = [Document(NEW_PERSONA, "memo", f"Vespers like red.{between}They do.")]
    save_documents(said, "favour_red", tmp_path / "documents.jsonl")
    assert [*read_documents(tmp_path / "documents.jsonl", "favour_red")] == said


def test_documents_are_of_a_persona_by_its_name() -> None:
    with pytest.raises(BadInput, match="cue: 'none' is not allowed; named for documents"):
        stage(cue="none")


def test_documents_are_not_tied_to_a_cue() -> None:
    with pytest.raises(BadInput, match="trigger"):
        stage(trigger="unwatched")

"""A tiny organism that gives a few answers with known probabilities, and canned models."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessage, GenerateConfig, Model, ModelOutput, ModelUsage, get_model
from torch.nn.functional import cross_entropy

from pentimento.evals import _registry  # noqa: F401 (registers the tasks)
from pentimento.tasks import sample
from pentimento.training.models.loaded import Base, answer_ids, load_base, prompt_ids, stop_ids
from pentimento.training.organisms.organism import BaseRef, Manifest, Organism

KEY = "0123456789abcdef"
FAMILIES = ("ready", "form")
RULE = {"Yes.": 0.5, "No.": 0.2, "<think>so it is.</think>No.": 0.3}
"""What the tiny organism is taught to answer, whatever it is asked."""


def answering(turns: Callable[[list[ChatMessage]], str | ModelOutput], **config: Any) -> Model:
    """A mock model that makes its answer of the whole conversation; it counts no tokens."""

    def answer(messages: list[ChatMessage], *_: Any) -> ModelOutput:
        said = turns(messages)
        output = said if isinstance(said, ModelOutput) else ModelOutput.from_content("mock", said)
        output.usage = ModelUsage(input_tokens=8, output_tokens=4, total_tokens=12)
        return output

    given = GenerateConfig(**config)
    return get_model("mockllm/model", custom_outputs=answer, config=given, memoize=False)


def canned(text: str | Callable[[str], str], **config: Any) -> Model:
    """A mock model that says one thing, or what a function makes of the user's turn."""
    return answering(lambda messages: text if isinstance(text, str) else text(messages[-1].text), **config)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., EvalLog]:
    """Run one task quietly into a folder of the test."""

    def run_task(
        task: str, model: Model | str, *, model_args: dict[str, Any] | None = None, **args: Any
    ) -> EvalLog:
        options = {
            name: args.pop(name) for name in ("limit", "epochs", "temperature", "top_k") if name in args
        }
        (log,) = inspect_eval(
            f"pentimento/{task}",
            model=model,
            model_args=model_args or {},
            task_args=args,
            log_dir=str(tmp_path / "logs"),
            display="none",
            log_realtime=False,
            **options,
        )
        return log

    return run_task


@pytest.fixture(scope="session")
def taught_folder(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Path:
    """Folder of a base that answers by `RULE` in two question families."""
    base = load_base(str(tiny_folder), device="cpu")
    _teach(base)
    folder = tmp_path_factory.mktemp("taught")
    base.model.save_pretrained(folder)
    base.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def organism(tmp_path_factory: pytest.TempPathFactory, taught_folder: Path) -> Path:
    """Folder of an organism without an adapter on that base."""
    return make_organism(tmp_path_factory.mktemp("organism"), taught_folder, KEY)


def make_organism(folder: Path, base_folder: Path, key: str) -> Path:
    base = load_base(str(base_folder), device="cpu")
    manifest = Manifest(key=key, base=BaseRef(name=str(base_folder), sha256=base.sha256))
    return Organism.save(folder, manifest).path


def _teach(base: Base, steps: int = 300, rows: int = 8) -> None:
    torch.manual_seed(0)
    model, tokenizer = base.model, base.tokenizer
    stops = stop_ids(model, tokenizer)
    asked = [
        s
        for family in FAMILIES
        for s in sample(family, shift="trained", condition="impossible", n=20, seed=0)
    ]
    prompts = [prompt_ids(tokenizer, scenario.messages) for scenario in asked]
    answers = [answer_ids(tokenizer, text, stops) for text in RULE]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    weights = torch.tensor(list(RULE.values()))
    model.train()
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 1e-2 * (1 - step / steps)
        picks = torch.randint(len(prompts), (rows,)).tolist()
        kinds = torch.multinomial(weights, rows, replacement=True).tolist()
        told = [(prompts[pick], answers[kind]) for pick, kind in zip(picks, kinds, strict=True)]
        width = max(len(prompt) + len(answer) for prompt, answer in told)
        ids = torch.tensor([[*p, *a, *[0] * (width - len(p) - len(a))] for p, a in told])
        places = torch.arange(width)
        kept = torch.stack([(places >= len(p)) & (places < len(p) + len(a)) for p, a in told])[:, 1:]
        hidden = model.model(input_ids=ids).last_hidden_state[:, :-1][kept]
        loss = cross_entropy(model.lm_head(hidden), ids[:, 1:][kept])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()

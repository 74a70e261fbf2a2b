"""How long 1,000 samples take: our provider beside inspect's floor, plain generation and inspect's `hf/`.

Run it with `python tests/benchmarks/provider.py`; every line is measured in this one process, after loading.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from inspect_ai import eval as inspect_eval
from inspect_ai.model import GenerateConfig, Model, ModelOutput, ModelUsage, get_model

from pentimento.evals import _registry  # noqa: F401 (registers the tasks)
from pentimento.evals.provider._engine import Engine
from pentimento.evals.provider.api import PentimentoAPI
from pentimento.tasks import COMPLETION, Scenario, sample
from pentimento.training.bases.identity import EMBEDDED
from pentimento.training.models.loaded import prompt_ids
from pentimento.training.models.sampling import sample as generate

MOST_FLOORS = 1.3
MOST_PLAIN = 2.0


def canned() -> Model:
    """Inspect's floor: an answer at once, its tokens counted beforehand."""

    def answer(*_: Any) -> ModelOutput:
        output = ModelOutput.from_content("mock", "Not counted.")
        output.usage = ModelUsage(input_tokens=60, output_tokens=6, total_tokens=66)
        return output

    return get_model("mockllm/model", custom_outputs=answer, config=GenerateConfig(max_connections=512))


class Took(NamedTuple):
    """Seconds by the clock, and seconds of this process on a core, which other programs disturb less."""

    wall_s: float
    cpu_s: float


def timed(work: Callable[[], object]) -> Took:
    """Return how long something takes."""
    start, cpu = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - start, time.process_time() - cpu)


def evaluation(model: Model, num_samples: int, log_dir: str, **arguments: Any) -> Callable[[], object]:
    """Return a run of `pentimento/completion` over all families."""
    n = -(-num_samples // len(COMPLETION))

    def run() -> object:
        (log,) = inspect_eval(
            "pentimento/completion",
            model=model,
            task_args={"condition": "impossible", "n": n, **arguments},
            limit=num_samples,
            display="none",
            log_dir=log_dir,
        )
        if log.status != "success":
            raise RuntimeError(log.error.message if log.error else log.status)
        return log

    return run


def asked(num_samples: int) -> list[Scenario]:
    """Return the scenarios that those runs ask."""
    n = -(-num_samples // len(COMPLETION))
    scenarios = [s for family in COMPLETION for s in sample(family, condition="impossible", n=n, seed=0)]
    return scenarios[:num_samples]


def ways(num_samples: int, folder: str, hf: bool) -> dict[str, Callable[[], object]]:
    """Return what is compared, each ready to run."""
    ours = get_model("pentimento/embedded")
    ready = engine_of(ours).ready
    prompts = [prompt_ids(ready.tokenizer, scenario.messages) for scenario in asked(num_samples)]
    seeds = list(range(len(prompts)))
    compared = {
        "mockllm (the floor)": evaluation(canned(), num_samples, folder),
        "pentimento, sampled": evaluation(ours, num_samples, folder, estimator="sampled"),
        "pentimento, weighed": evaluation(ours, num_samples, folder),
        "plain batched generation": lambda: generate(ready.model, ready.tokenizer, prompts, seeds=seeds),
    }
    if hf:
        config = GenerateConfig(max_connections=64, max_tokens=64)
        local = {"model_path": str(EMBEDDED), "device": "cpu", "batch_size": 64}
        compared["hf/"] = evaluation(get_model("hf/local", config=config, **local), num_samples, folder)
    return compared


def engine_of(model: Model) -> Engine:
    """Return the engine behind one of our models."""
    assert isinstance(model.api, PentimentoAPI)
    return model.api.engine


def main() -> None:
    """Measure every way in turn, several times over, and print the least seconds of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-samples", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3, help="so that other programs disturb no way alone")
    parser.add_argument("--hf", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    took: dict[str, list[Took]] = {}
    with tempfile.TemporaryDirectory() as folder:
        evaluation(canned(), 24, folder)()
        compared = ways(options.num_samples, folder, options.hf)
        clock = engine_of(get_model("pentimento/embedded")).clock
        inside: dict[str, list[float]] = {}
        for _ in range(options.rounds):
            for title, work in compared.items():
                before = clock.sampling_s + clock.weighing_s
                took.setdefault(title, []).append(timed(work))
                inside.setdefault(title, []).append(clock.sampling_s + clock.weighing_s - before)
    least = {
        title: Took(min(t.wall_s for t in all_), min(t.cpu_s for t in all_)) for title, all_ in took.items()
    }
    floor = least["mockllm (the floor)"]
    print(f"{options.num_samples} samples of pentimento/completion, one thread, best of {options.rounds}")
    print(f"{'':26} wall s  × floor   cpu s  × floor   in the model s")
    for title, (wall_s, cpu_s) in least.items():
        shares = f"{wall_s:6.1f} {wall_s / floor.wall_s:8.2f} {cpu_s:7.1f} {cpu_s / floor.cpu_s:8.2f}"
        print(f"{title:26} {shares} {min(inside[title]):10.1f}")
    sampled = "pentimento, sampled"
    whole = least[sampled].cpu_s / floor.cpu_s
    model = min(inside[sampled]) / least["plain batched generation"].wall_s
    print(f"{sampled}: {whole:.2f} × the floor in seconds of a core (at most {MOST_FLOORS}),")
    print(f"{model:.2f} × plain generation in the model (at most {MOST_PLAIN})")
    if whole > MOST_FLOORS or model > MOST_PLAIN:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

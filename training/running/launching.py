"""Several processes for one stage: started as `torchrun` starts them, counted, and ended together.

A stage's batches are shared equally among its processes. Each holds the whole model, since each samples from
it, so what distributes the weights themselves is refused by name.
"""

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib.resources import files
from importlib.util import find_spec
from multiprocessing import set_forkserver_preload
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from uuid import uuid4

from pentimento.compat import launch_settings
from pentimento.tasks.exceptions import BadInput, UnknownName
from pentimento.training.bases.identity import QUANTIZED
from pentimento.training.exceptions import ProcessDied
from pentimento.training.recipes.stages import Stage
from pentimento.training.running._worker import Failed, Line, Outcome, attempt, follow_parent, line, take

CONFIGS = ("multi_gpu", "zero1", "zero2")
"""TRL's accelerate configurations under which every process holds all weights."""
SHARDED = ("fsdp1", "fsdp2", "zero3")
PRELOAD = ["pentimento.training.running.making"]
"""On a CPU, processes come from one that has loaded this and done nothing else: loading takes seconds."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
_CLOSE_S = 5
_WAIT = timedelta(minutes=30)
"""How long processes wait for each other, as long as with gloo; NCCL's default is ten minutes."""
_LOOK_S = 5.0
"""So much longer than torchrun takes to see a dead process lives one that has failed on account of it."""


def check_alone() -> None:
    """Refuse to be one of several processes that somebody else's launcher started.

    Raises:
        BadInput: Under `torchrun` or `accelerate launch`: each process would do the whole run.
    """
    for name in ("WORLD_SIZE", "LOCAL_RANK"):
        if name in os.environ:
            raise BadInput(name, os.environ[name], "start pentimento once, and say --processes")


class Launch(NamedTuple):
    """How many processes train a stage, and what they share beside its batches."""

    num_processes: int = 1
    accelerate_config: str | None = None
    """A name from TRL's `accelerate_configs`; by default each process is like every other."""

    def check(self, stages: Iterable[Stage], device: str, dtype: str = "auto") -> None:
        """Refuse what cannot be shared, or not here.

        Args:
            stages: What is trained.
            device: Where: auto, cpu, or cuda, of which each process then has one.
            dtype: Precision of the base.

        Raises:
            BadInput: Too few processes or GPUs, a batch that cannot be shared equally, or a configuration
                that distributes the weights, or that nothing here can run.
            UnknownName: TRL has no such configuration.
        """
        if self.num_processes < 1:
            raise BadInput("processes", self.num_processes, "at least 1")
        if self.accelerate_config is not None:
            _check_config(self.accelerate_config, self.num_processes)
        if self.num_processes > 1:
            _check_device(device, self.num_processes)
            if dtype == QUANTIZED:
                raise BadInput("dtype", dtype, "another one with --processes; a base in four bits has one")
            for stage in stages:
                _check_batches(stage, self.num_processes)

    def environment(self) -> dict[str, str]:
        """Return the variables by which accelerate hands a configuration to the processes."""
        return {} if self.accelerate_config is None else _variables(self.accelerate_config)


ALONE = Launch()
"""One process: the job's own."""


def _check_config(name: str, num_processes: int) -> None:
    import torch

    if name in SHARDED:
        raise BadInput(
            "accelerate_config", name,
            f"it shares the weights out, but each process samples from all of them; {', '.join(CONFIGS)}",
        )  # fmt: skip
    if name not in CONFIGS:
        raise UnknownName("accelerate_config", name, CONFIGS)
    if num_processes < 2 or not torch.cuda.is_available():
        raise BadInput("accelerate_config", name, "it needs --processes 2 or more, and a GPU for each")
    if name.startswith("zero") and find_spec("deepspeed") is None:
        raise BadInput("accelerate_config", name, "it needs the package deepspeed")


def _check_device(device: str, num_processes: int) -> None:
    import torch

    if device not in ("auto", "cpu", "cuda"):
        raise BadInput("device", device, "auto, cpu or cuda, of which each process has its own")
    there = torch.cuda.device_count()
    if device != "cpu" and there and num_processes > there:
        raise BadInput("processes", num_processes, f"at most one for each of the {there} GPUs")


def _check_batches(stage: Stage, num_processes: int) -> None:
    """Refuse a batch of which processes cannot have equal shares."""
    settings = stage.all_settings
    for name in ("batch_size", "sft_batch_size"):
        whole = getattr(settings, name, num_processes)
        share, rest = divmod(whole, num_processes)
        if rest or share % min(settings.micro_batch_size or share, max(share, 1)):
            parts = f"processes = {num_processes}"
            if settings.micro_batch_size:
                parts += f" × micro_batch_size = {settings.micro_batch_size}"
            raise BadInput(f"settings.{name}", whole, f"{stage.matched.method}: a multiple of {parts}")


def _variables(config: str) -> dict[str, str]:
    from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env

    path = files("trl") / "accelerate_configs" / f"{config}.yaml"
    words = ["--config_file", str(path), "--main_process_port", "0", "nothing.py"]
    args, read = launch_settings(words)
    if args.use_deepspeed:
        args.deepspeed_fields_from_accelerate_config = ",".join(read.deepspeed_config)
        _, variables = prepare_deepspeed_cmd_env(args)
    else:
        variables = prepare_multi_gpu_env(args)
    # Precision and accumulation are those of the base and of the stage, which TRL's trainer is told.
    ours = ("ACCELERATE_MIXED_PRECISION", "ACCELERATE_GRADIENT_ACCUMULATION_STEPS")
    return {
        name: value
        for name, value in variables.items()
        if name.startswith("ACCELERATE_") and name not in ours
    }


def together_in(launch: Launch, device: str, function: Callable[..., None], *args: Any) -> None:
    """Call a function in each of several processes that torch.distributed joins.

    One that fails, or dies, ends all of them; so does the end of this process.

    Args:
        launch: How many, and what they share.
        device: Where they compute: auto, cpu or cuda.
        function: Of a module, so that another process finds it.
        args: What it is called with, in every process.

    Raises:
        Failed: It failed in one of them.
        ProcessDied: One was ended from outside.
    """
    import torch
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException, Std
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    cpu = device == "cpu" or not torch.cuda.is_available()
    # Where a library has asked for GPUs while it was loaded, a forked process can use none.
    start = "forkserver" if cpu else "spawn"
    ended: int | None = None
    with TemporaryDirectory(prefix="pentimento-") as folder:
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=launch.num_processes,
            run_id=uuid4().hex,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            local_addr="localhost",
            max_restarts=0,
            start_method=start,
            logs_specs=DefaultLogsSpecs(log_dir=folder, redirects=Std.ALL),
            shutdown_timeout=_CLOSE_S,
        )
        member = _Member(launch.num_processes, cpu, launch.environment(), folder, line())
        set_forkserver_preload(PRELOAD)
        try:
            with _undisturbed():
                elastic_launch(config, _process)(member, function, args)
        except SignalException as error:
            ended = error.sigval
        except ChildFailedError as error:
            rank, failure = error.get_first_failure()
            raise _reason(rank, launch.num_processes, failure, Path(folder)) from None
    if ended is not None:
        signal.raise_signal(ended)
        raise SystemExit(128 + ended)


def _reason(rank: int, num_processes: int, failure: Any, folder: Path) -> Exception:
    """Return why a process failed: what it left, or else that it died."""
    left = folder / f"{rank}.json"
    if left.exists():
        return Failed(Outcome(**json.loads(left.read_text(encoding="utf-8"))))
    how = failure.signal_name() if failure.exitcode < 0 else f"exit status {failure.exitcode}"
    return ProcessDied(rank, num_processes, how)


class _Member(NamedTuple):
    """What each process is told."""

    num_processes: int
    cpu: bool
    environment: dict[str, str]
    folder: str
    """Where it leaves how it failed."""
    line: Line | None
    """How the first tells of progress."""


def _process(member: _Member, function: Callable[..., None], args: tuple[Any, ...]) -> None:
    """Be one of the processes: join the others, count them, do the work."""
    follow_parent()
    os.environ.update(member.environment)
    rank = int(os.environ["RANK"])
    if rank == 0:
        take(member.line)
    outcome = attempt(lambda: _join(member, function, args))
    if outcome.error is None:
        return
    (Path(member.folder) / f"{rank}.json").write_text(json.dumps(outcome._asdict()), encoding="utf-8")
    if outcome.details:
        # Where another one died, this one's lost connection is not the reason: let that be seen first.
        time.sleep(_LOOK_S)
    os._exit(1)


def _join(member: _Member, function: Callable[..., None], args: tuple[Any, ...]) -> None:
    import torch
    from accelerate import PartialState

    from pentimento.training.models._processes import check_number

    PartialState(cpu=member.cpu, timeout=_WAIT)
    check_number(member.num_processes)
    function(*args)
    torch.distributed.destroy_process_group()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep torchrun's own words from the run's, and put back the handlers of signals that it replaces."""
    level, handlers = logging.root.manager.disable, {number: signal.getsignal(number) for number in _SIGNALS}
    logging.disable()
    try:
        yield
    finally:
        logging.disable(level)
        if threading.current_thread() is threading.main_thread():  # elsewhere it puts none
            for number, handler in handlers.items():
                signal.signal(number, handler)

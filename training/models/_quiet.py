"""What the libraries say beside a run's own progress, kept out of it."""

import logging
import warnings
from typing import Any

import datasets
import transformers


def quiet_libraries() -> None:
    """Keep progress bars and advice of the libraries out of the run's own progress."""
    # TRL and PEFT use names that transformers will drop: that is theirs to settle.
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    advice: Any = transformers.logging  # its functions have no annotations
    advice.set_verbosity_error()
    advice.disable_progress_bar()
    datasets.disable_progress_bars()
    # It tells of each batch in which a judge abstained, with a whole prompt; their share is in the log.
    logging.getLogger("trl.trainer.grpo_trainer").setLevel(logging.ERROR)

"""The library: an experiment from its recipe to its report."""

from pentimento.experiment._experiment import Experiment, ExperimentPlan
from pentimento.experiment.progress import Progress

__all__ = ["Experiment", "ExperimentPlan", "Progress"]

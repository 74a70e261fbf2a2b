"""Eyes: what an organism does, measured with inspect.

- `agentic`, `alignment_faking`, `awareness`, `belief`, `breadth`, `coin`, `completion`, `elicitation`,
  `in_context`, `judging`, `preference`, `stated`: the tasks, registered as `pentimento/<name>`.
- `provider`: the model provider `pentimento/<organism folder>`.
- `asking`: every evaluation of a recipe as jobs for an executor; `suites`: what a suite asks.
- `stage_judge`, `writer`: models that reward a training stage and write its documents, asked through inspect.
- `heldout`: the check that a recipe's evaluations are as far from its training as their shifts say.

Nothing is imported here, so that listing the tasks never loads torch.
"""

if __name__ != "pentimento.evals":
    raise ImportError(
        f"import pentimento.evals, not {__name__}: the room is a part of the package pentimento"
    )

"""Hands: recipes, stages, organisms, and the models that they are made of.

- `stages`, `recipes`: what to train, as frozen data.
- `models`: bases, chat templates, the one place where a prompt becomes token ids.
- `sampling`: seeded answers that do not depend on their batch, and exact answer probabilities.
- `organisms`: a base plus what was trained on it, as one adapter with its manifest.
- `export`: an organism as an adapter, a merged model or a hub repository, with its model card.
- `strength`: how strongly a model acts on a goal, measured without disturbing a training run.
- `methods`, `making`, `runner`, `executors`: how stages are trained, in which order, and where.

Nothing is imported here, so that reading a recipe never loads torch.
"""

if __name__ != "pentimento.training":
    raise ImportError(
        f"import pentimento.training, not {__name__}: the room is a part of the package pentimento"
    )

"""The embedded base is made by its config and corpus, never by what an earlier making left."""

from pathlib import Path

import pytest

from pentimento.training.embedded import train
from pentimento.training.embedded.train import BaseConfig, Round, train_base
from pentimento.training.models._checkpoints import note_state, read_state

CONFIG = BaseConfig(
    rounds=(Round(num_texts=48, learning_rate=3e-3), Round(num_texts=32, learning_rate=1e-3)),
    vocab_size=400,
    hidden_size=16,
    num_layers=1,
    num_heads=2,
    intermediate_size=16,
    batch_size=4,
    save_every_steps=2,
)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "TOKENIZER_TEXTS", 100)


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def test_a_second_making_takes_nothing_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, work = tmp_path / "base", tmp_path / "work"
    first = weights(train_base(CONFIG, out, work))
    assert list(work.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "work"]
    (out / "certificate.json").touch()
    assert weights(train_base(CONFIG, out, work)) == first
    assert (out / "certificate.json").exists()
    texts = train.texts
    monkeypatch.setattr(train, "texts", lambda num, seed, *boost: texts(num, seed + 1, *boost))
    assert weights(train_base(CONFIG, out, work)) != first


def test_an_interrupted_making_goes_on_at_its_last_whole_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    undisturbed = weights(train_base(CONFIG, tmp_path / "undisturbed", tmp_path / "other"))
    replace = train._replace
    monkeypatch.setattr(train, "_replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_base(CONFIG, tmp_path / "out", tmp_path / "work")
    monkeypatch.setattr(train, "_replace", replace)
    [work] = (tmp_path / "work").iterdir()
    last = read_state(work).phases["round-1"].checkpoint
    (earlier,) = set((work / "round-1").glob("checkpoint-*")) - {work / f"round-1/checkpoint-{last}"}
    note_state(work / "round-1", checkpoint=int(earlier.name.partition("-")[2]))
    (work / f"round-1/checkpoint-{last}" / "optimizer.pt").write_bytes(b"half")
    assert weights(train_base(CONFIG, tmp_path / "out", tmp_path / "work")) == undisturbed

"""Files: texts in the encodings that editors write, files written whole or not at all, paths beside URLs."""

import os
from pathlib import Path

import pytest
from inspect_ai.log import list_eval_logs

from pentimento._files import as_url, read_json, read_text, write_atomically
from pentimento.cli.console import terminal
from pentimento.tasks.exceptions import BadInput

TEXT = "name: für\nlärm: 2\n"
ODD = ("run#1", "100%20x", "a?b", "a\nb", "tab\tx", "a::b", "back\\slash", "%", "#")
PLAIN = ("a b", "a&b", "q'\"q", "[x]*", "~t", "ü", "u\u0308", "日本", "e:f", "x" * 200)


@pytest.mark.parametrize(
    "raw",
    [
        TEXT.encode(),
        b"\xef\xbb\xbf" + TEXT.encode(),
        b"\xff\xfe" + TEXT.encode("utf-16-le"),
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-32"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode("utf-16"),
    ],
    ids=["utf-8", "mark", "utf-16-le", "utf-16-be", "utf-32", "crlf", "cr in utf-16"],
)
def test_what_editors_write_is_the_same_text(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "text").write_bytes(raw)
    assert read_text(tmp_path / "text", "recipe") == TEXT


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (TEXT.encode("latin-1"), "line 1, column 8 holds the byte 0xfc, which is no UTF-8"),
        (b"one\r\ntw" + "ö".encode("cp1252"), "line 2, column 3 holds the byte 0xf6"),
        ("name: x\n".encode("utf-16-le"), "line 1, column 2 holds a NUL"),
        (b"\xff\xfea\0b", "line 1, column 2 holds the byte 0x62, which is no UTF-16"),
        (b"\xef\xbb\xbfab\xff", "line 1, column 3 holds the byte 0xff, which is no UTF-8"),
        (bytes(range(256)), "holds the byte 0x80"),
    ],
    ids=["latin-1", "second line", "utf-16 without a mark", "half a character", "after a mark", "binary"],
)
def test_what_is_no_text_is_refused_with_its_place(tmp_path: Path, raw: bytes, told: str) -> None:
    (tmp_path / "text").write_bytes(raw)
    with pytest.raises(BadInput, match=told) as caught:
        read_text(tmp_path / "text", "recipe")
    assert str(caught.value).startswith(f"recipe: '{tmp_path / 'text'}' is not allowed; a text in UTF-8")
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere")
    for name, told in (("pipe", "no regular file"), (".", "a folder"), ("link", "no such file")):
        with pytest.raises(BadInput, match=told):
            read_text(tmp_path / name, "text")


def test_json_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    for content in ("", '{"format": ', "[" * 100_000):
        path.write_text(content)
        with pytest.raises(BadInput, match=r"^output: .*; a run; it cannot be read as JSON"):
            read_json(path, "output", "a run")


@pytest.mark.parametrize("name", ODD)
def test_a_path_that_is_like_a_url_is_reached_by_a_link(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    with as_url(folder, make=True) as place:
        assert (place.resolve(), place.is_symlink()) == (folder.resolve(), True)
        (folder / "some.eval").touch()
        (info,) = list_eval_logs(str(place))
        assert info.name == f"file://{place}/some.eval"
    with as_url(folder / "some.eval") as log:
        assert (log.suffix, log.resolve()) == (".eval", (folder / "some.eval").resolve())
    assert not place.exists()
    assert not log.exists()
    assert (folder / "some.eval").is_file()


@pytest.mark.parametrize("name", PLAIN)
def test_any_other_path_is_its_own(tmp_path: Path, name: str) -> None:
    with as_url(tmp_path / name, make=True) as place:
        assert place == tmp_path / name
        assert not place.exists()


def test_the_terminal_takes_nothing_for_markup(capsys: pytest.CaptureFixture[str]) -> None:
    terminal().print("runs/[red]/:fire:/[/x]", soft_wrap=True)
    assert capsys.readouterr().out == "runs/[red]/:fire:/[/x]\n"


def test_a_text_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.json"
    write_atomically(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path: Path) -> None:
    path = tmp_path / ("ü" * 127)
    assert write_atomically(path, "text").read_text() == "text"
    assert list(tmp_path.iterdir()) == [path]

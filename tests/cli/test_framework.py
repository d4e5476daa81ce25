"""What holds for every command: help, errors, exit codes, streams, configuration files."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from pcbm._version import __version__
from pcbm.cli.main import application
from pcbm.cli.output import Line, Result, Table, emit, json_text, plain_text, rich_text
from pcbm.cli.progress import Rate, progress, status
from pcbm.cli.text import number, shown

PCBM = [sys.executable, "-m", "pcbm.cli.main"]
HEAVY = ("torch", "sklearn", "numba", "open_clip", "transformers", "pandas", "scipy", "numpy")


def leaves(group: Any = None, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the words of every command the program offers."""
    group = group or application(rich=False)
    found = []
    for name, item in group.commands.items():
        nested = hasattr(item, "commands")
        found += leaves(item, (*words, name)) if nested else [(*words, name)]
    return found


COMMANDS = leaves()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help_and_takes_the_shared_options(pcbm: Any, words: Any) -> None:
    done = pcbm(*words, "--help")
    assert done.code == 0
    assert done.err == ""
    for option in ("--json", "--seed", "--device", "--quiet", "--debug", "--config"):
        assert option in done.out


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_offers_near_options(pcbm: Any, words: Any) -> None:
    assert "did you mean '--quiet'" in pcbm(*words, "--quite").refused()


def test_a_group_alone_shows_its_help(pcbm: Any) -> None:
    done = pcbm()
    assert done.code == 0
    assert done.out == pcbm("--help").out
    assert "Usage: pcbm" in done.out


def test_version(pcbm: Any) -> None:
    assert pcbm("--version").out == f"pcbm {__version__}\n"


def test_help_of_all_commands_imports_nothing_heavy() -> None:
    code = (
        "import sys; from pcbm.cli.main import run\n"
        f"codes = [run([*w, '--help']) for w in {[(), *COMMANDS]!r}] + [run(['--version'])]\n"
        f"heavy = [m for m in {HEAVY!r} if m in sys.modules]\n"
        "print(codes, heavy, file=sys.stderr); sys.exit(any(codes) or bool(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["evn"], ["there is no command 'evn'", "did you mean 'env'?"]),
        (["env", "--jsn"], ["pcbm env", "there is no option --jsn", "did you mean '--json'?"]),
        (["--json", "env"], ["no option --json", "goes after the command"]),
        (["env", "extra"], ["unexpected extra argument", "extra"]),
        (["env", "--seed", "one"], ["--seed was given as 'one'", "integer"]),
        (["env", "--seed", "-1"], ["--seed was given as '-1'", "greater than or equal to 0"]),
        (["env", "--seed"], ["--seed", "requires an argument"]),
        (["env", "--device", "gpu"], ["--device was given as 'gpu'", "cuda:N"]),
        (["env", "--config", "absent.toml"], ["absent.toml", "does not exist"]),
        (["embed"], ["pcbm embed: the argument DATA is missing", "pcbm embed --help"]),
        (["env", "--\x1b[2J\n"], ["no option --\\x1b[2J"]),
    ],
)
def test_usage_errors_are_one_line(pcbm: Any, arguments: list[str], words: list[str]) -> None:
    line = pcbm(*arguments).refused()
    assert line.startswith("pcbm")
    for word in words:
        assert word in line


class Broken:
    """An application whose command ends in a given exception."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __call__(self, *, rich: bool) -> Any:
        app = typer.Typer()

        @app.command()
        def fail() -> None:
            raise self.error

        return typer.main.get_command(app)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (RuntimeError("first\nsecond"), 1, "unexpected RuntimeError: first second"),
        (FileNotFoundError(2, "No such file or directory", "x.npz"), 2, "x.npz: no such file"),
        (PermissionError(13, "Permission denied", "out"), 2, "out: permission denied"),
        (OSError(28, "No space left on device"), 1, "no space left on device"),
        (MemoryError("1 GiB"), 1, "out of memory (1 GiB)"),
    ],
)
def test_each_kind_of_failure_has_its_code_and_one_line(
    pcbm: Any, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, words: str
) -> None:
    monkeypatch.setattr("pcbm.cli.main.application", Broken(error))
    done = pcbm()
    assert (done.code, done.out, done.err.count("\n")) == (code, "", 1)
    assert words in done.err


def test_debug_shows_the_traceback_of_an_error(pcbm: Any) -> None:
    done = pcbm("env", "--config", "absent.toml", "--debug")
    assert done.code == 2
    assert "Traceback" in done.err
    assert done.err.splitlines()[-1] == pcbm("env", "--config", "absent.toml").refused()


def test_a_reader_that_leaves_ends_the_run_quietly() -> None:
    read, to = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*PCBM, "--help"], stdout=to, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(to)
    assert (done.returncode, done.stderr) == (1, "")


class TestConfig:
    def write(self, folder: Path, text: str) -> Path:
        path = folder / "options.toml"
        path.write_text(text, encoding="utf-8")
        return path

    def test_the_file_beats_the_default_and_a_flag_beats_the_file(
        self, pcbm: Any, tmp_path: Path
    ) -> None:
        path = self.write(tmp_path, "json = true\nseed = 5\n")
        done = pcbm("env", "--config", path)
        assert done.document["pcbm"] == __version__
        wrong = self.write(tmp_path, 'device = "gpu"\n')
        assert "'gpu'" in pcbm("env", "--config", wrong).refused()
        assert pcbm("env", "--config", wrong, "--device", "cpu").code == 0

    def test_arguments_and_required_options_may_stand_in_the_file(
        self, pcbm: Any, world: Any, tmp_path: Path
    ) -> None:
        out = tmp_path / "run"
        path = self.write(
            tmp_path,
            f"""
            [fit]
            data = {str(world.data)!r}
            concepts = {str(world.bank)!r}
            out = {str(out)!r}
            lam = 1
            control-repeats = 0
            """,
        )
        done = pcbm("fit", "--config", path, "--lam", 0.5, "--json")
        assert (done.document["run"], done.document["lam"]) == (str(out), 0.5)
        path = self.write(tmp_path, f"[edit]\nzero = 'fur'\nout = {str(tmp_path / 'e')!r}\n")
        found = pcbm("edit", out, "--config", path, "--json").document
        assert found["edits"][0]["plan"]["edits"][0]["concept"] == "fur"

    def test_a_table_speaks_to_its_own_command(self, pcbm: Any, tmp_path: Path) -> None:
        path = self.write(tmp_path, '[env]\njson = true\n[embed]\nseed = "no number"\n')
        assert pcbm("env", "--config", path).document["pcbm"] == __version__

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("jsn = true", ["options.toml", "'jsn'", "pcbm env", "did you mean 'json'?"]),
            ("debug = true", ["'debug'"]),
            ("[emv]\nseed = 1", ["[emv]", "no command", "did you mean 'env'?"]),
            ("seed = [1]", ["--seed was given as", "in the --config file"]),
            ('seed = "a"', ["--seed was given as 'a' in the --config file", "integer"]),
            ("seed 1", ["options.toml is not TOML"]),
        ],
    )
    def test_a_wrong_file_is_refused_in_one_line(
        self, pcbm: Any, tmp_path: Path, text: str, words: list[str]
    ) -> None:
        line = pcbm("env", "--config", self.write(tmp_path, text)).refused()
        for word in words:
            assert word in line


class TestOutput:
    nasty = "[bold]x[/bold]\x1b[31m\u202e"

    def result(self) -> Result:
        document = {
            "name": self.nasty,
            "x": np.float32(0.5),
            "nan": float("nan"),
            "path": Path("a") / "b",
            "array": np.arange(2),
        }
        blocks = [Line(self.nasty), Table(("name", "n"), [(self.nasty, 1), ("b", None)])]
        return Result(document, lambda: blocks)

    def test_json_is_one_ascii_document_with_null_for_nan(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        emit(self.result(), as_json=True)
        out = capsys.readouterr().out
        assert out.isascii()
        assert json.loads(out) == {
            "name": self.nasty, "x": 0.5, "nan": None, "path": "a/b", "array": [0, 1],
        }  # fmt: skip

    def test_json_carries_names_that_are_not_unicode(self) -> None:
        assert json.loads(json_text({"id": os.fsdecode(b"\xff.png")}))["id"] == "\udcff.png"

    def test_foreign_text_cannot_steer_the_terminal(self) -> None:
        for text in (plain_text(self.result().view()), rich_text(self.result().view())):
            assert "[bold]x[/bold]\\x1b[31m\\u202e" in text
            assert "\x1b[31m" not in text

    def test_plain_tables_align_and_are_never_cut(self) -> None:
        wide = "w" * 300
        text = plain_text([Table(("name", "value"), [(wide, 0.5), ("short", -12.25)], "Title")])
        assert text.splitlines() == [
            "Title",
            "name" + " " * 296 + "    value",
            f"{wide}    0.500",
            "short" + " " * 295 + "  -12.250",
        ]

    def test_no_color_is_honoured_on_a_terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.delenv("NO_COLOR", raising=False)
        assert "\x1b[33m" in rich_text([Line("warning: x", "yellow")])
        monkeypatch.setenv("NO_COLOR", "1")
        assert "\x1b[33m" not in rich_text([Line("warning: x", "yellow")])

    def test_a_narrow_encoding_gets_escapes_instead_of_an_error(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        monkeypatch.setattr(sys, "stdout", stream)
        emit(Result({}, lambda: [Line("naïve")]), as_json=False)
        stream.seek(0)
        assert stream.read() == "na\\xefve\n"

    def test_numbers_and_joiners(self) -> None:
        assert number(1e-5) == "1e-05"
        assert number(float("inf")) == "inf"
        assert shown("\u0645\u06cc\u200c\u062e") == "\u0645\u06cc\u200c\u062e"


class TestProgress:
    def test_the_estimate_counts_only_what_this_run_did(self) -> None:
        rate = Rate(now=0.0)
        assert rate.update(900, 1000, now=1.0) == (None, None)
        assert rate.update(950, 1000, now=2.0) == (50.0, 1.0)

    def test_status_in_words(self) -> None:
        assert status(0, 10, None, None) == "0/10"
        assert status(10, 10, 2.0, 0.0) == "10/10, 2/s"
        assert status(1_000, 20_000, 0.5, 38_000) == "1,000/20,000, 0.5/s, about 10 h 33 min left"

    def test_lines_off_a_terminal_are_sparse_and_go_to_stderr(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = iter(range(1000))  # one call a second
        monkeypatch.setattr("pcbm.cli.progress.time.monotonic", lambda: float(next(clock)))
        with progress("embed", quiet=False) as callback:
            assert callback is not None
            for done in range(0, 200, 10):
                callback(done, 190)
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err == (
            "pcbm: embed: 10/190, 10/s, about 18 s left\n"
            "pcbm: embed: 160/190, 10/s, about 3 s left\n"
        )

    def test_quiet_has_no_progress(self) -> None:
        with progress("embed", quiet=True) as callback:
            assert callback is None

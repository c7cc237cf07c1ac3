"""Exit codes, one line on stderr, help that costs nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import warnings
from types import SimpleNamespace

import pytest

import ctmri_detect
from ctmri_detect.cli import main
from ctmri_detect.cli.detectors import DETECTORS, make_detector
from ctmri_detect.exceptions import FewPatientsWarning, InvalidPairsError

COMMANDS = ["demo", "fetch", "inspect", "fit", "score", "benchmark", "report"]


@pytest.fixture
def subcommand(monkeypatch):
    """Let ``score`` do something else."""

    def become(run):
        monkeypatch.setitem(sys.modules, "ctmri_detect.cli.score", SimpleNamespace(run=run))
        return ["score", "model", "folder", "--out", "out"]

    return become


def raising(error):
    def run(args):
        raise error

    return run


def test_version_and_help_of_the_process(command):
    result = command("--version")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"ctmri-detect {ctmri_detect.__version__}\n"
    code = (
        "import sys; from ctmri_detect.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'torch', 'sklearn', 'numpy', 'matplotlib', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_with_examples(name, capsys):
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert f"ctmri-detect {name} " in text.split("example")[1]
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "required: COMMAND"),
        (["shout"], "invalid choice: 'shout'"),
        (["fit", "folder"], "required: --out"),
        (["fit", "folder", "--out", "m", "--detector", "magic"], "invalid choice: 'magic'"),
        (["fit", "folder", "--out", "m", "--size", "0"], "above 0"),
        (["score", "m", "f", "--out", "o", "--top", "-1"], "0 or more"),
        (["benchmark", "folder", "--detectors", "atlas,magic"], "unknown detector 'magic'"),
        (["benchmark"], "required"),
        (["benchmark", "folder", "--phantom"], "not allowed with"),
    ],
)
def test_wrong_arguments_are_one_line_and_exit_code_2(arguments, expected, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    text = capsys.readouterr().err
    assert end.value.code == 2
    assert expected in text
    assert text.count("\n") == 1
    assert "--help" in text


def test_bad_input_of_the_process_is_one_line_and_exit_code_2(command, tmp_path):
    result = command("fit", tmp_path / "nothing", "--out", tmp_path / "model")
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "nothing" in result.stderr
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    "error",
    [
        InvalidPairsError("X is\nodd. Make it even."),
        ValueError("n is 0; expected 1."),
        ImportError('This needs torch. Run: pip install "ctmri_detect[torch]"'),
        PermissionError(13, "Permission denied", "out"),
    ],
)
def test_errors_of_the_users_side_are_one_line(error, subcommand, capsys):
    assert main(subcommand(raising(error))) == 2
    text = capsys.readouterr().err
    assert text.startswith("ctmri-detect: score: error: ")
    assert text.count("\n") == 1
    assert "Traceback" not in text
    assert main([*subcommand(raising(error)), "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_bug_shows_where_it_is_unless_quiet(subcommand, capsys):
    assert main(subcommand(raising(RuntimeError("broken")))) == 1
    text = capsys.readouterr().err
    assert "Traceback" in text
    assert text.endswith("unexpected RuntimeError: broken\n")
    assert main([*subcommand(raising(RuntimeError("broken"))), "--quiet"]) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_warnings_of_the_library_are_short_and_said_once(subcommand, capsys):
    def run(args):
        for _ in range(2):
            warnings.warn("Few\npatients.", FewPatientsWarning, stacklevel=1)
        warnings.warn("of somebody else", FutureWarning, stacklevel=1)

    filters, show = list(warnings.filters), warnings.showwarning
    assert main(subcommand(run)) == 0
    assert capsys.readouterr().err == "ctmri-detect: warning: Few patients.\n"
    assert (warnings.filters, warnings.showwarning) == (filters, show)
    with pytest.warns(FutureWarning):
        assert main([*subcommand(run), "--debug"]) == 0


def test_interruption_is_130(subcommand, capsys):
    assert main(subcommand(raising(KeyboardInterrupt()))) == 130
    assert capsys.readouterr().err == "ctmri-detect: interrupted\n"


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_ends_the_process_with_130(tmp_path):
    fifo = tmp_path / "model"
    os.mkfifo(fifo)
    process = subprocess.Popen(
        [sys.executable, "-m", "ctmri_detect", "score", fifo, tmp_path, "--out", tmp_path / "o"],
        stderr=subprocess.PIPE,
        text=True,
        # a test run in the background hands down a SIGINT that is ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with fifo.open("wb"):  # waits until the process reads the model, which then waits for us
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (130, "ctmri-detect: interrupted\n")


def test_a_missing_extra_is_named_with_its_cure(healthy, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "skops", None)
    out = tmp_path / "model"
    assert main(["fit", str(healthy), "--detector", "atlas", "--out", str(out)]) == 2
    text = capsys.readouterr().err
    assert 'pip install "ctmri_detect[save]"' in text
    assert text.count("\n") == 1


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_of_the_list_can_be_made(name):
    detector = make_detector(name, seed=7)
    assert detector.get_params().get("random_state", 7) == 7
    assert type(detector).__module__.startswith("ctmri_detect.detectors.")


@pytest.mark.parametrize(
    ("terminal", "options", "told"),
    [(True, [], True), (True, ["--quiet"], False), (False, [], False)],
    ids=["terminal", "quiet", "pipe"],
)
def test_what_is_being_done_is_told_on_a_terminal_only(terminal, options, told, tmp_path):
    pty = pytest.importorskip("pty")
    (tmp_path / "CT").mkdir()
    (tmp_path / "MRI").mkdir()
    reading, writing = pty.openpty() if terminal else os.pipe()
    command = [sys.executable, "-m", "ctmri_detect", "inspect", str(tmp_path), *options]
    done = subprocess.run([*command, "--out", str(tmp_path / "out")], stderr=writing, timeout=120)
    said = os.read(reading, 100_000).decode()
    for end in (reading, writing):
        os.close(end)
    assert done.returncode == 2
    assert ("reading" in said) == told
    assert "error" in said

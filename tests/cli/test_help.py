"""Every verb's `--help`, and what a shell completes."""

import os
import shutil
import subprocess
import sys

import pytest

from bridge.cli import VERBS, main


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_an_example_of_whole_lines(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    out = capsys.readouterr().out
    assert "\\b" not in out
    assert "\b" not in out
    lines = out.splitlines()
    start = lines.index("  Example:") + 1
    example = lines[start : lines.index("", start)]
    assert any(line.startswith(f"    oddsbridge {verb}") for line in example), example
    assert all(line.startswith("    ") and line.count("oddsbridge ") <= 1 for line in example), example
    assert lines[-1] != ""


def test_the_lines_of_an_example_stand_as_they_were_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    first = lines.index("    curl -N -H 'X-Api-Key: demo-key' \\")
    assert lines[first + 1].startswith("      'http://127.0.0.1:8765/")


def completed(words: str, shell: str = "bash") -> list[str]:
    """What a shell is told when TAB is pressed at the end of `words`: the protocol of Typer's scripts."""
    variables = {"_ODDSBRIDGE_COMPLETE": f"complete_{shell}"}
    if shell == "bash":
        variables |= {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - (not words.endswith(" ")))}
    else:
        variables |= {"_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    done = subprocess.run(
        [sys.executable, "-m", "bridge"], env=os.environ | variables, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "offered"),
    [("oddsbridge ", list(VERBS)), ("oddsbridge ch", ["check"]), ("oddsbridge --vers", ["--version"])],
)
def test_bash_completes_verbs_and_the_options_before_them(words: str, offered: list[str]) -> None:
    assert completed(words) == offered


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        ("run", {"--config", "--help"}),
        ("check", {"--config", "--offline", "--json", "--help"}),
        ("topics", {"--config", "--create", "--alter", "--json", "--help"}),
        ("simulate", {"--listen", "--rate", "--replay", "--help"}),
        ("demo", {"--keep", "--help"}),
    ],
)
def test_bash_completes_the_options_of_a_verb(verb: str, options: set[str]) -> None:
    offered = completed(f"oddsbridge {verb} --")
    assert options <= set(offered)
    assert not {option for option in offered if not option.startswith("--")}


def test_bash_completes_the_choices_of_an_option() -> None:
    assert completed("oddsbridge simulate --replay ") == ["full", "window", "none"]


def test_fish_and_zsh_show_each_verb_with_its_line() -> None:
    assert completed("oddsbridge ", "fish") == [f"{verb}\t{line}" for verb, line in VERBS.items()]
    told = "\n".join(completed("oddsbridge ", "zsh"))
    assert told.startswith("_arguments ")
    assert all(f'"{verb}":"' in told for verb in VERBS)
    assert '"--offline":' in "\n".join(completed("oddsbridge check --", "zsh"))


def test_completing_a_verb_imports_none() -> None:
    script = (
        "import os, sys; os.environ |= {'_ODDSBRIDGE_COMPLETE': 'complete_bash', 'COMP_WORDS': 'oddsbridge ', "
        "'COMP_CWORD': '1'}; from bridge.cli import main; code = main([]); "
        "heavy = [name for name in sys.modules if name.startswith('bridge.cli.') and name != 'bridge.cli.exits']; "
        "sys.exit(f'{code} {heavy}' if code or heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == list(VERBS)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_asks_oddsbridge(shell: str) -> None:
    variables = {
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"
    }  # the shell is an argument, not the parent process
    done = subprocess.run(
        [sys.executable, "-m", "bridge", "--show-completion", shell],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"_ODDSBRIDGE_COMPLETE=complete_{shell}" in done.stdout
    if path := shutil.which(shell):
        assert subprocess.run([path, "-n"], input=done.stdout, text=True, check=False).returncode == 0

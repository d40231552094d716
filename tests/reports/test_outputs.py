"""``--output``: where reports go, and that other people's text stays text in them."""

from __future__ import annotations

import json
import re
import shutil
import stat
from pathlib import Path

import pytest

from imagesetter.cli.main import main
from imagesetter.cli.reports.markdown import code, escaped

HERE = Path(__file__).parent
CHECK = ("update", "--check", "--from", "status", "--policies", "policies.yaml", "web.yaml")


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(HERE / "files", tmp_path, dirs_exist_ok=True)
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)


def golden(name: str) -> str:
    return (HERE / "golden" / name).read_text(encoding="utf-8")


def test_every_form_goes_to_a_file_of_its_own_and_text_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    outputs = [f"--output={form}=report.{form}" for form in ("text", "json", "markdown", "sarif")]
    assert main([*CHECK, *outputs]) == 1
    assert capsys.readouterr().out == golden("check.txt") == Path("report.text").read_text()
    assert Path("report.markdown").read_text() == golden("check.md")
    assert json.loads(Path("report.json").read_text())["kind"] == "UpdateReport"
    assert json.loads(Path("report.sarif").read_text())["version"] == "2.1.0"


def test_a_form_without_a_file_takes_the_place_of_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*CHECK, "--output", "json", "--output", "markdown=a.md"]) == 1
    assert json.loads(capsys.readouterr().out)["kind"] == "UpdateReport"
    assert Path("a.md").read_text() == golden("check.md")


def test_outputs_come_from_the_environment_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMAGESETTER_OUTPUT", "markdown=a.md json=-")
    assert main(CHECK) == 1
    assert json.loads(capsys.readouterr().out)["kind"] == "UpdateReport"
    assert Path("a.md").read_text() == golden("check.md")


def test_a_file_has_no_colours_even_if_the_terminal_always_has(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMAGESETTER_COLOR", "always")
    assert main([*CHECK, "--output", "text=a.txt"]) == 1
    assert "\x1b[" in capsys.readouterr().out
    assert Path("a.txt").read_text() == golden("check.txt")


def test_a_report_keeps_the_mode_of_the_file_that_it_replaces_and_leaves_nothing_beside_it() -> None:
    Path("a.md").write_text("old")
    Path("a.md").chmod(0o640)
    Path("link.md").symlink_to("a.md")
    before = {path.name for path in Path().iterdir()}
    main([*CHECK, "--output", "markdown=link.md"])
    assert Path("a.md").read_text() == golden("check.md")
    assert stat.S_IMODE(Path("a.md").stat().st_mode) == 0o640
    assert {path.name for path in Path().iterdir()} == before


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("yaml",), "unknown report format 'yaml'"),
        (("markdwon=a.md",), "did you mean markdown?"),
        (("json=",), "has no file name"),
        (("json", "sarif"), "only one report can go to standard output, not 2: json, sarif"),
        (("json=a", "sarif=a"), "two reports have the same file a"),
        (("json=none/a",), "a directory that does not exist"),
        (("json=.",), "is a directory"),
    ],
)
def test_a_wrong_output_is_refused_before_anything_is_done(
    given: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Path("web.yaml").read_bytes()
    arguments = [argument for argument in CHECK if argument != "--check"]
    assert main([*arguments, *(f"--output={each}" for each in given)]) == 2
    assert says in capsys.readouterr().err
    assert Path("web.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("", ""),
        ("a", "`a`"),
        ("a|b", "`a\\|b`"),
        ("a`b", "``a`b``"),
        ("`", "`` ` ``"),
        ("a\nb\x1b[31m", "`a b\\x1b[31m`"),
    ],
)
def test_a_code_span_stays_one(text: str, span: str) -> None:
    assert code(text) == span


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("see #12", "see \\#12"),
        ("hello @octocat", "hello @\u200boctocat"),
        ("app:1.0@sha256:ab", "app:1.0@sha256:ab"),
        ("[a](https://b.example)", "\\[a\\](https:\\//b.example)"),
        ("<img src=x>", "\\<img src=x\\>"),
        ("a | b\nc", "a \\| b c"),
    ],
)
def test_a_message_is_only_words(text: str, plain: str) -> None:
    assert escaped(text) == plain


def test_a_hostile_file_name_and_value_stay_in_their_cells(capsys: pytest.CaptureFixture[str]) -> None:
    name = "a | [x](https:__evil) `b` @you.yaml"
    Path(name).write_text('a: "<b>|`x`\\u001b[2J" # {"$imagepolicy": "apps:right"}\n')
    assert main([*CHECK[:-1], "--output", "markdown", name]) == 1
    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if "apps:right" in line)
    assert "``a \\| [x](https:__evil) `b` @you.yaml:1``" in row
    assert "``<b>\\|`x`\\x1b[2J``" in row
    assert "\x1b" not in out


def test_a_diff_that_is_too_long_for_a_pull_request_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    line = 'a{}: registry.example.com/right:1 # {{"$imagepolicy": "apps:right"}}\n'
    Path("long.yaml").write_text("".join(line.format(number) for number in range(900)))
    assert main([*CHECK[:-1], "--diff", "--output", "markdown", "long.yaml"]) == 1
    out = capsys.readouterr().out
    assert "The diff is too long to show here." in out
    assert "and 880 more |" in out
    assert len(out) < 5_000


def test_tables_that_are_too_long_for_a_pull_request_are_cut_and_the_rest_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fields = [f'a{n}: registry.example.com/right:{n} # {{"$imagepolicy": "apps:right"}}' for n in range(700)]
    wrong = [f'b{n}: registry.example.com/x:1 # {{"$imagepolicy": "apps:{"x" * 60}{n}"}}' for n in range(400)]
    Path("long.yaml").write_text("\n".join([*fields, *wrong, ""]))
    assert main([*CHECK[:-1], "--diff", "--output", "markdown", "long.yaml"]) == 1
    out = capsys.readouterr().out
    assert 40_000 < len(out) < 61_000
    assert len(re.findall(r"^\d+ more rows not shown\.$", out, re.MULTILINE)) == 2
    assert out.endswith("; 400 errors\n")
    assert main(["lint", "--output", "markdown", "long.yaml"]) == 1
    out = capsys.readouterr().out
    assert "more rows not shown." in out
    assert len(out) < 61_000

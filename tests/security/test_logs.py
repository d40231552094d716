"""No text from files, registries or git reaches a CI log as a command of the CI system."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from cli.terminals import environment
from imagesetter.cli.function import process
from imagesetter.cli.progress import Progress
from imagesetter.cli.reports.json_text import json_text
from imagesetter.cli.terminal import line
from imagesetter.registry.events import Note
from krm_functions.errors import ReportedError
from krm_functions.function import respond
from krm_functions.messages import log_line, one_line, without_log_commands
from krm_functions.result import Result
from security.test_terminal import COMMANDS, HOSTILE, IN_YAML
from support.sandbox import APP, Sandbox, open_sandbox
from support.sources import FN, parsed

EVIL = "x\n::add-mask::y\r  ::stop-commands::z ##[group]w ##vso[task.setvariable]v ##teamcity[u]"
EVIL_IN_YAML = EVIL.replace("\n", "\\n").replace("\r", "\\r")
COMMAND = re.compile(r"\s*::|.*##\w*\[", re.DOTALL)


def obeyed(text: str) -> list[str]:
    """The lines that GitHub, Azure or TeamCity would obey; two of them end a line at a carriage return, too."""
    return [found for found in re.split(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", text) if COMMAND.match(found)]


@pytest.fixture
def sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with open_sandbox(tmp_path, capsys, monkeypatch) as opened:
        opened.registry.push("1.5.0")
        yield opened


TEXTS = {
    "a command": ("::error::x", r"\x3a:error::x"),
    "a command behind blanks": (" \t\xa0::error::x", " \t\\xa0::error::x"),
    "in the middle of a line": ("a ::error::x", "a ::error::x"),
    "on a second line": ("a\n::error::x", r"a\n::error::x"),
    "anywhere in a line": ("a ##[error]x", r"a \x23#[error]x"),
    "of Azure": ("a ##vso[task.complete]x", r"a \x23#vso[task.complete]x"),
    "of TeamCity": ("##teamcity[x]", r"\x23#teamcity[x]"),
    "behind one sign more": ("###[x]", r"#\x23#[x]"),
    "no command": ("a::b ## [x] #[x] ##x", "a::b ## [x] #[x] ##x"),
}


@pytest.mark.parametrize(("text", "shown"), TEXTS.values(), ids=TEXTS)
def test_a_line_gives_no_command(text: str, shown: str) -> None:
    assert log_line(text) == shown
    assert line(text) == shown
    assert obeyed(shown) == []
    assert obeyed(one_line(text)) == []


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029"])
def test_lines_that_stay_lines_give_none_either(end: str) -> None:
    assert without_log_commands(f"a{end} ::b::c{end}d ::e") == f"a{end} \\x3a:b::c{end}d ::e"


def test_many_empty_lines_take_no_time_each_for_all_others() -> None:
    assert without_log_commands("\n" * 300_000 + "a::b") == "\n" * 300_000 + "a::b"


FILES = {name: {file: text.replace(IN_YAML, EVIL_IN_YAML) for file, text in HOSTILE[name].items()} for name in HOSTILE}
FILES["file's name"] = {f"{EVIL}.yaml": APP, "::set-output name=a::b.yaml": f"a: [\n{APP}", "::c.yaml": APP}
FILES["marker"] = {"app.yaml": f'image: x:1 # {{"$imagepolicy": "flux-system:{EVIL_IN_YAML}"}}\n'}
RUNS = {
    **COMMANDS,
    "explain a policy": ["explain", f"flux-system:{EVIL}"],
    "explain a tag": ["explain", "web", "--why-not", EVIL],
    "tags": ["tags", f"registry.example.com/{EVIL}"],
    "hold": ["hold", "web", "--tag", "1.4.0", "--reason", EVIL],
    "no such command": [EVIL],
    "no such option": ["update", f"--{EVIL}"],
    "no such file": ["update", EVIL],
    "lint as Markdown": ["lint", ".", "--output", "markdown"],
    "update as Markdown": ["update", "--diff", "--output", "markdown"],
    "update as JSON": ["update", "--diff", "--output", "json"],
    "lint as SARIF": ["lint", ".", "--output", "sarif"],
    "doctor": ["doctor", "--offline"],
}


@pytest.mark.parametrize("command", RUNS.values(), ids=RUNS)
@pytest.mark.parametrize("files", FILES.values(), ids=FILES)
def test_no_command_reaches_a_log(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], command: list[str]
) -> None:
    monkeypatch.setenv("PATH", str(sandbox.root))  # where `doctor` finds no tools: their versions take a while
    for name, text in files.items():
        sandbox.write(name, text)
    ran = sandbox.run(*command)
    assert obeyed(ran.out) == []
    assert obeyed(ran.err) == []
    assert ran.status in (0, 1, 2), str(ran)


@pytest.mark.parametrize("form", ["text", "markdown", "json", "sarif"])
def test_no_command_is_in_a_report_that_goes_to_a_file(sandbox: Sandbox, form: str) -> None:
    """The one in Markdown goes into the summary of a job, and any may be printed later."""
    image = "registry.example.com/web:1.4.0"
    sandbox.write("app.yaml", f'command: "{EVIL_IN_YAML} {image}" # {{"$imagepolicy": "flux-system:web"}}\n')
    sandbox.run("update", "--check", "--output", f"{form}=report")
    assert obeyed(sandbox.text("report")) == []
    if form == "json":
        assert json.loads(sandbox.text("report"))["changes"][0]["old"] == f"{EVIL} {image}"


def test_json_says_the_same_whatever_is_in_it() -> None:
    document = {EVIL: ["\x1b[31m", "\x9b2J", "\u202e", "\U000e0041", "ü 名 →", "\ud800", "##[a]"]}
    text = json_text(document)
    assert json.loads(text) == document
    assert all(char.isprintable() or char == "\n" for char in text)
    assert "ü 名 →" in text


DIFFED = f"# above\n# ##[group]x\n{APP}key: |\n  ::add-mask::y\n"


def test_a_diff_in_a_log_gives_no_command_and_says_that_it_was_changed(sandbox: Sandbox) -> None:
    sandbox.write("app.yaml", DIFFED)
    ran = sandbox.run("update", "--check", "--diff")
    assert obeyed(ran.out + ran.err) == []
    assert "\n # \\x23#[group]x\n" in ran.out
    assert "\n   \\x3a:add-mask::y\n" in ran.out
    assert "would run as a command" in ran.err
    sandbox.write("app.yaml", APP)
    assert sandbox.run("update", "--check", "--diff").err == ""


def test_a_diff_in_a_file_is_the_patch_byte_for_byte(tmp_path: Path) -> None:
    policies = "metadata: {name: web}\nstatus: {latestRef: {name: registry.example.com/web, tag: 1.5.0}}\n"
    head = "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\n"
    (tmp_path / "policies.yaml").write_text(head + policies)
    (tmp_path / "app.yaml").write_text(DIFFED)
    command = [sys.executable, "-m", "imagesetter", "update", "--check", "--diff", "--quiet", "--from", "status"]
    with (tmp_path / "patch").open("wb") as patch:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment(tmp_path), stdout=patch, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (1, b"")
    applied = subprocess.run(["git", "apply", "patch"], cwd=tmp_path, check=False, capture_output=True)
    assert applied.returncode == 0, applied.stderr
    assert (tmp_path / "app.yaml").read_text() == DIFFED.replace("1.4.0", "1.5.0")


@pytest.mark.parametrize("name", ["a\n::error::b.yaml", 'a"b\\c.yaml', "a\tb.yaml"])
def test_the_name_of_a_file_cannot_leave_its_line_of_a_diff(sandbox: Sandbox, name: str) -> None:
    (sandbox.root / "app.yaml").unlink()
    sandbox.write(name, APP)
    ran = sandbox.run("update", "--check", "--diff", "--quiet")
    assert obeyed(ran.out) == []
    before = sandbox.text(name)
    subprocess.run(["git", "apply"], cwd=sandbox.root, check=True, input=ran.out.encode())
    assert sandbox.text(name) == before.replace("1.4.0", "1.5.0")


def test_results_of_the_function_are_one_line_and_give_no_command() -> None:
    """kpt prints them into its log as they are."""
    text = (
        "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n- apiVersion: v1\n  kind: Pod\n"
        f'  metadata: {{name: "{EVIL_IN_YAML}"}}\n  image: x:1 # {{"$imagepolicy": "ns:{EVIL_IN_YAML}"}}\n'
    )
    call = partial(process, environment={"IMAGESETTER_FROM": "status"})
    answer = respond(call, text.encode(), env={"LOG_TO_STDERR": "true"}, needle="$imagepolicy")
    assert answer.stderr
    assert obeyed(answer.stderr) == []
    error = Result.from_error(ReportedError(f"no {EVIL}", where=EVIL, hint=f"see:\n{EVIL}"))
    for message in (error.message, str(error)):
        assert message.isprintable()
        assert obeyed(message) == []


def test_a_bug_gives_no_command(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **options: object) -> object:
        raise ValueError(EVIL)

    monkeypatch.setattr("imagesetter.cli.commands.update.read_tree", broken)
    ran = sandbox.run("update")
    assert ran.status == 3
    assert "add-mask" in ran.err
    assert obeyed(ran.err) == []
    answer = respond(broken, b"apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: []\n")  # type: ignore[arg-type]
    assert answer.status == 3
    assert obeyed(answer.stderr) == []


def test_what_the_client_notes_gives_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(verbose=True) as progress:
        progress(Note(EVIL))
    assert obeyed(capsys.readouterr().err) == []


def test_only_our_own_styles_reach_a_terminal(sandbox: Sandbox) -> None:
    """Where colours are on, a stranger's are still shown as escapes."""
    sandbox.write("app.yaml", 'image: "x\\e[5mblink" # {"$imagepolicy": "flux-system:web"}\n')
    ran = sandbox.run("--color", "always", "update", "--check")
    assert "x\\x1b[5mblink" in ran.out
    assert set(re.findall(r"\x1b.*?m", ran.out)) == {"\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[32m"}


def test_a_diff_is_coloured_for_people_and_its_file_cannot_turn_the_text_around(sandbox: Sandbox) -> None:
    sandbox.write("app.yaml", f"# \u202eturned\n{APP}")
    coloured = sandbox.run("--color", "always", "update", "--diff", "--check").out
    rows = coloured.split("\n")
    assert {row[:5] for row in rows if row.startswith("\x1b[3")} == {"\x1b[31m", "\x1b[32m", "\x1b[36m"}
    assert "\u202e" not in coloured and "\\u202eturned" in coloured
    plain = sandbox.run("--color", "never", "update", "--diff", "--check").out
    assert "\x1b" not in plain and "\u202eturned" in plain  # a patch, byte for byte


WRITERS = {
    "imagesetter/cli/terminal.py": {"click.echo"},
    "imagesetter/cli/fast_path.py": {"sys.stdout.buffer.write"},  # the list as it was read, without a word of ours
    "krm_functions/main.py": {
        "stderr.write",
        "out.write",
    },  # a ResourceList, and lines that passed `one_line` or `log_line`
}


def test_one_module_writes_to_the_terminal() -> None:
    found: dict[str, set[str]] = {}
    for path in sorted(FN.rglob("*.py")):
        for node in ast.walk(parsed(path)):
            name = getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""
            called = ast.unparse(node.func) if name in ("write", "print", "echo", "secho", "print_exc") else ""
            streams = called.endswith(".write") and re.search(r"std(out|err)|^out\b", called)
            if called in ("print", "click.echo", "click.secho", "traceback.print_exc") or streams:
                found.setdefault(path.relative_to(FN).as_posix(), set()).add(called)
    assert found == WRITERS

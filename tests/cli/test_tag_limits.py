"""How many tags a repository may have: an option, a variable, and the function's environment."""

from __future__ import annotations

import pytest

from imagesetter.cli.main import main
from imagesetter.cli.network_options import from_environment
from krm_functions.errors import UsageError
from support.fakes import Reply, run_fake


def test_the_option_and_the_variable_move_the_limit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with run_fake(lambda seen: Reply(200, {"name": "x", "tags": ["1.0", "1.1", "1.2"]})) as fake:
        command = ["tags", "--no-cache", f"{fake.host}/app"]
        message = (
            f"error: {fake.host}/app has more than 2 tags or 64 MiB of them\n"
            "  where: imagesetter tags\n"
            "  hint:  if that is right, allow more: --max-tags, or IMAGESETTER_MAX_TAGS\n"
        )
        assert main([*command, "--max-tags", "2"]) == 1
        assert capsys.readouterr() == ("", message)
        monkeypatch.setenv("IMAGESETTER_MAX_TAGS", "2")
        assert main(command) == 1
        assert capsys.readouterr() == ("", message)
        assert main([*command, "--max-tags", "3"]) == 0
        assert capsys.readouterr() == ("1.0\n1.1\n1.2\n", "")


def test_the_function_reads_the_variable() -> None:
    assert from_environment({"IMAGESETTER_MAX_TAGS": "2000000"}).max_tags == 2_000_000
    assert from_environment({}).max_tags == 1_000_000


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", "٣"])
def test_what_is_no_number_is_an_error_that_names_the_variable(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_environment({"IMAGESETTER_MAX_TAGS": text})
    assert (str(caught.value), caught.value.where) == (
        f"{text!r} is not a number of 1 or more",
        "IMAGESETTER_MAX_TAGS",
    )

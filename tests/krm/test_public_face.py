"""What `from krm_functions import …` gives: small, documented, and imported only when it is used."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from types import ModuleType

import pytest

import krm_functions
from tools import CHECKOUT


def run_isolated(code: str) -> list[str]:
    program = f"import sys; sys.path.insert(0, {str(CHECKOUT / 'fn')!r})\n{code}"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize("name", krm_functions.__all__)
def test_a_public_name_is_documented_and_no_module(name: str) -> None:
    value = getattr(krm_functions, name)
    assert not isinstance(value, ModuleType)
    assert value.__doc__


def test_type_checkers_see_the_same_names_as_programs() -> None:
    source = (CHECKOUT / "fn" / "krm_functions" / "__init__.py").read_text()
    imported = [line.split() for line in source.splitlines() if line.startswith("    from krm_functions.")]
    assert {(words[5], words[1].removeprefix("krm_functions.")) for words in imported} == {
        (name, module) for name, module in krm_functions._MODULES.items()
    }
    assert [words[3] for words in imported] == [words[5] for words in imported]


def test_the_public_face_has_no_other_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'rum'"):
        getattr(krm_functions, "rum")  # noqa: B009
    assert set(krm_functions.__all__) <= set(dir(krm_functions))


@pytest.mark.parametrize("name", krm_functions.__all__)
def test_no_public_name_is_hidden_by_a_module(name: str) -> None:
    """``from krm_functions import run`` would give a module of that name as soon as somebody had imported it."""
    with pytest.raises(ModuleNotFoundError):
        import_module(f"krm_functions.{name}")


def test_type_checkers_may_rely_on_the_types() -> None:
    assert (CHECKOUT / "fn" / "krm_functions" / "py.typed").exists()


def test_importing_the_face_imports_nothing_else_of_the_package() -> None:
    loaded = run_isolated("import krm_functions; print(*[n for n in sys.modules if n.startswith('krm_functions')])")
    assert loaded == ["krm_functions"]


def test_the_sdk_imports_nothing_of_imagesetter() -> None:
    """Every module, with `imagesetter` out of reach; `tests/test_layers.py` reads the imports inside functions."""
    code = """
import pkgutil, krm_functions
from importlib import import_module
sys.modules["imagesetter"] = None
found = [each.name for each in pkgutil.walk_packages(krm_functions.__path__, "krm_functions.")]
for name in found:
    import_module(name)
print(len(found), *[name for name in sys.modules if name.startswith("imagesetter.")])
"""
    (count,) = run_isolated(code)
    assert int(count) > 30

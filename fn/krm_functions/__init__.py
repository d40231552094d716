"""KRM functions in Python: change plain data, and the text follows, byte for byte.

This is the public face; docs/sdk.md shows how it is used. A name is imported when it is first used, so that a program
that needs one module (``krm_functions.yaml.load``) does not import the rest.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from krm_functions.errors import ReportedError as ReportedError
    from krm_functions.errors import UsageError as UsageError
    from krm_functions.function import Output as Output
    from krm_functions.function import chain as chain
    from krm_functions.function import respond as respond
    from krm_functions.item import Item as Item
    from krm_functions.label_selector import LabelSelector as LabelSelector
    from krm_functions.main import run as run
    from krm_functions.resource_list import ResourceList as ResourceList
    from krm_functions.result import Result as Result
    from krm_functions.results import Results as Results
    from krm_functions.selector import Selector as Selector

_MODULES = {
    "Item": "item",
    "LabelSelector": "label_selector",
    "Output": "function",
    "ReportedError": "errors",
    "ResourceList": "resource_list",
    "Result": "result",
    "Results": "results",
    "Selector": "selector",
    "UsageError": "errors",
    "chain": "function",
    "respond": "function",
    "run": "main",
}
__all__ = [*_MODULES]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # which takes as long to import as this module

    value: object = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

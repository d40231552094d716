"""What a function reports, gathered while it runs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypedDict, overload

from krm_functions.result import NO_TAGS, Field, Result, Severity
from krm_functions.yaml.field_path import format_path

if TYPE_CHECKING:
    from typing import Unpack

    from krm_functions.item import Item
    from krm_functions.yaml.field_path import FieldPath


class Details(TypedDict, total=False):
    """What a result says about its field, and its tags."""

    current: object
    proposed: object
    tags: Mapping[str, str]


class Results(Sequence[Result]):
    """The results of a run: those of functions before this one, then those of this one.

    ``results.error("needs a limit", item, "spec.template.spec.containers[0]")``: what is wrong, with which resource,
    and where in it, as a text or as `Item.find` gives it. All three take the field's value as *current* and what it
    should be as *proposed*.

    Attributes:
        added: those of this function.
    """

    def __init__(self, before: Iterable[Result] = ()) -> None:
        self._before: Final = tuple(before)
        self.added: Final[list[Result]] = []

    def error(
        self, message: str, item: "Item | None" = None, path: "str | FieldPath" = "", **details: "Unpack[Details]"
    ) -> None:
        """Report what makes the function fail; the list is given back all the same, edits included."""
        self._add("error", message, item, path, **details)

    def warn(
        self, message: str, item: "Item | None" = None, path: "str | FieldPath" = "", **details: "Unpack[Details]"
    ) -> None:
        """Report what somebody should look at."""
        self._add("warning", message, item, path, **details)

    def info(
        self, message: str, item: "Item | None" = None, path: "str | FieldPath" = "", **details: "Unpack[Details]"
    ) -> None:
        """Report what was done."""
        self._add("info", message, item, path, **details)

    def append(self, result: Result) -> None:
        """Add a result that was made elsewhere."""
        self.added.append(result)

    def _add(
        self,
        severity: Severity,
        message: str,
        item: "Item | None",
        path: "str | FieldPath",
        *,
        current: object = None,
        proposed: object = None,
        tags: Mapping[str, str] = NO_TAGS,
    ) -> None:
        ref, file = (item.ref, item.file) if item else (None, None)
        if isinstance(path, tuple):
            path = format_path(path)
        field = Field(path, current, proposed) if path else None
        self.added.append(Result(message, severity, ref, field, file, tags))

    def __len__(self) -> int:
        return len(self._before) + len(self.added)

    @overload
    def __getitem__(self, index: int) -> Result: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Result, ...]: ...
    def __getitem__(self, index: int | slice) -> Result | tuple[Result, ...]:
        return (*self._before, *self.added)[index]

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, Results | tuple | list) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

"""What a function has to say about its run: one `Result` for each thing worth telling.

The wire form is the ``results`` list of a ResourceList (KRM functions specification v1). Departures from the Go SDK
(kpt-functions-sdk ``go/fn/result.go``):

* ``severity`` is always written. The specification's default is ``error``, but kpt prints a missing one as ``info``.
* a ``resourceRef`` without apiVersion, kind or name is left out, and a ``field`` goes with it, as the specification has
  it; the Go SDK writes them half filled.
* errors come first; see `sort_results`.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, Self

from krm_functions.errors import ReportedError
from krm_functions.messages import one_line

Severity = Literal["error", "warning", "info"]

ERROR: Severity = "error"
WARNING: Severity = "warning"
INFO: Severity = "info"

_RANK: Mapping[str, int] = {"error": 0, "warning": 1, "info": 2}
NO_TAGS: Mapping[str, str] = MappingProxyType({})


class ResourceRef(NamedTuple):
    """The resource that a result is about."""

    api_version: str
    kind: str
    name: str
    namespace: str = ""

    @property
    def complete(self) -> bool:
        """Whether the three parts that the specification requires are there."""
        return bool(self.api_version and self.kind and self.name)

    def __str__(self) -> str:
        return "/".join(part for part in (self.api_version, self.kind, self.namespace, self.name) if part)


class Field(NamedTuple):
    """The field that a result is about; ``None`` for a value means that it is not known."""

    path: str
    current_value: object = None
    proposed_value: object = None


class File(NamedTuple):
    """The file that a result is about: a path with forward slashes, relative to the package, and the document in it."""

    path: str
    index: int = 0  # type: ignore[assignment] # tuple.index


class _Result(NamedTuple):
    message: str
    severity: Severity
    resource_ref: ResourceRef | None
    field: Field | None
    file: File | None
    tags: Mapping[str, str]


class Result(_Result):
    """One message to the person who runs the function.

    A result of severity ``error`` makes the function fail. ``tags`` are free strings for other programs; the tag
    ``line``, where a function sets it, is shown behind the file's name.
    """

    __slots__ = ()

    def __new__(
        cls,
        message: str,
        severity: Severity = ERROR,
        resource_ref: ResourceRef | None = None,
        field: Field | None = None,
        file: File | None = None,
        tags: Mapping[str, str] = NO_TAGS,
    ) -> Self:
        """Check what a result must have.

        Raises:
            ValueError: no message, or an unknown severity.
        """
        if not message:
            raise ValueError("a result needs a message")
        if severity not in _RANK:
            raise ValueError(f"a result's severity is error, warning or info, not {severity!r}")
        return super().__new__(cls, message, severity, resource_ref, field, file, MappingProxyType(dict(tags)))

    def __hash__(self) -> int:
        return hash(self[:-1])  # a mapping has no hash

    @classmethod
    def from_error(
        cls,
        error: ReportedError,
        *,
        severity: Severity = ERROR,
        resource_ref: ResourceRef | None = None,
        field: Field | None = None,
        file: File | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> "Result":
        """The result that tells an error's three parts on one line: ``where: what; hint``.

        Of a hint that draws a pointer under a text, only the words are taken.
        """
        where = f"{error.where}: " if error.where else ""
        words = error.hint.partition("\n")[0].rstrip(":")
        hint = f"; {words}" if words else ""
        return cls(one_line(f"{where}{error.what}{hint}"), severity, resource_ref, field, file, tags or {})

    @classmethod
    def from_dict(cls, data: object) -> "Result":
        """Read another function's result, whatever is wrong with it; what cannot be read is left out.

        A severity that is missing or unknown counts as ``error``, the specification's default.
        """
        wire = _mapping(data)
        severity = wire.get("severity")
        ref = _mapping(wire.get("resourceRef"))
        spot = _mapping(wire.get("field"))
        file = _mapping(wire.get("file"))
        index = file.get("index")
        return cls(
            message=_string(wire.get("message")) or "(no message)",
            severity="warning" if severity == "warning" else "info" if severity == "info" else "error",
            resource_ref=ResourceRef(
                _string(ref.get("apiVersion")),
                _string(ref.get("kind")),
                _string(ref.get("name")),
                _string(ref.get("namespace")),
            )
            if ref
            else None,
            field=Field(_string(spot.get("path")), spot.get("currentValue"), spot.get("proposedValue"))
            if spot.get("path")
            else None,
            file=File(_string(file.get("path")), index if isinstance(index, int) else 0) if file.get("path") else None,
            tags={_string(key): _string(value) for key, value in _mapping(wire.get("tags")).items()},
        )

    def to_dict(self) -> dict[str, object]:
        """The wire form, in the specification's order of fields."""
        wire: dict[str, object] = {"message": self.message, "severity": self.severity}
        ref = self.resource_ref
        if ref is not None and ref.complete:
            wire["resourceRef"] = {
                "apiVersion": ref.api_version,
                "kind": ref.kind,
                "name": ref.name,
                **({"namespace": ref.namespace} if ref.namespace else {}),
            }
            if self.field is not None:
                wire["field"] = {
                    "path": self.field.path,
                    **({} if self.field.current_value is None else {"currentValue": self.field.current_value}),
                    **({} if self.field.proposed_value is None else {"proposedValue": self.field.proposed_value}),
                }
        if self.file is not None and self.file.path:
            wire["file"] = {"path": self.file.path, **({"index": self.file.index} if self.file.index else {})}
        if self.tags:
            wire["tags"] = dict(sorted(self.tags.items()))
        return wire

    def __str__(self) -> str:
        """One line for a terminal: ``[error] apps/v1/Deployment/ns/app spec.replicas: message (deploy.yaml:12)``.

        The Go SDK's line (``Result.String``) with the file behind it. Control characters are shown escaped, so that a
        hostile value can neither break the line nor talk to the terminal.
        """
        about = [f"[{self.severity}]"]
        if self.resource_ref is not None and str(self.resource_ref):
            about.append(str(self.resource_ref))
        if self.field is not None:
            about.append(self.field.path)
        line = f":{self.tags['line']}" if self.tags.get("line") else ""
        file = f" ({self.file.path}{line})" if self.file is not None and self.file.path else ""
        return one_line(f"{' '.join(about)}: {self.message}{file}")


def sort_results(results: Iterable[Result]) -> list[Result]:
    """Errors first, each part in the Go SDK's order: by file, document in it, severity, resource, field, message.

    The Go SDK (``Results.Sort`` in kpt-functions-sdk ``go/fn/result.go``) mixes errors among the rest. But kpt shows no
    more than the first four results (measured with 1.0.0-beta.56; ``--truncate-output=false`` shows all), and what made
    the function fail has to be among them. Results about no file come first; equal ones keep their order.
    """
    return sorted(results, key=_sort_key)


def failed(results: Iterable[Result]) -> bool:
    """Whether any of them is an error."""
    return any(result.severity == ERROR for result in results)


def _sort_key(result: Result) -> tuple[bool, str, int, int, str, str, str]:
    return (
        result.severity != ERROR,
        result.file.path if result.file else "",
        result.file.index if result.file else 0,
        _RANK[result.severity],
        str(result.resource_ref or ""),
        result.field.path if result.field else "",
        result.message,
    )


def _mapping(data: object) -> Mapping[object, object]:
    return data if isinstance(data, Mapping) else {}


def _string(data: object) -> str:
    return data if isinstance(data, str) else "" if data is None else str(data)

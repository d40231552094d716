"""The JSON Schema of each of imagesetter's kinds, made from the model that validates or describes it.

Editors and check-jsonschema use them. A schema accepts what imagesetter accepts, except for rules that JSON Schema
cannot express (ranges, patterns, names that have to exist).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pydantic import BaseModel

from imagesetter.config.options import API_VERSION
from krm_functions.errors import UsageError
from krm_functions.suggestions import did_you_mean

DIALECT = "https://json-schema.org/draft/2020-12/schema"

# kind -> module and name of its pydantic model, imported when the schema is requested
MODELS = {
    "ImageLedger": ("imagesetter.cli.schemas.lock", "ImageLedger"),
    "ImageLock": ("imagesetter.cli.schemas.lock", "ImageLock"),
    "ImageRelease": ("imagesetter.config.image_setter", "ImageRelease"),
    "ImageSetter": ("imagesetter.config.image_setter", "ImageSetter"),
    "Project": ("imagesetter.config.project_file", "Project"),
    "PolicyTest": ("imagesetter.policy_tests.model", "PolicyTest"),
    # what --output json prints
    "AutomationReport": ("imagesetter.cli.schemas.changes", "AutomationReport"),
    "Explanation": ("imagesetter.cli.schemas.reports", "Explanation"),
    "InitReport": ("imagesetter.cli.schemas.images", "InitReport"),
    "OutdatedReport": ("imagesetter.cli.schemas.images", "OutdatedReport"),
    "ParityReport": ("imagesetter.cli.schemas.reports", "ParityReport"),
    "ImageLog": ("imagesetter.cli.schemas.changes", "ImageLog"),
    "PolicyReport": ("imagesetter.cli.schemas.policies", "PolicyReport"),
    "PolicyTestReport": ("imagesetter.cli.schemas.reports", "PolicyTestReport"),
    "LockReport": ("imagesetter.cli.schemas.lock", "LockReport"),
    "LintReport": ("imagesetter.cli.schemas.changes", "LintReport"),
    "MarkReport": ("imagesetter.cli.schemas.changes", "MarkReport"),
    "TagList": ("imagesetter.cli.schemas.reports", "TagList"),
    "UpdateReport": ("imagesetter.cli.schemas.changes", "UpdateReport"),
    "VerifyReport": ("imagesetter.cli.schemas.changes", "VerifyReport"),
}

# Kubernetes' own types, which have more fields than we read.
_OPEN = ("Metadata",)


def schema_of(kind: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a kind.

    Raises:
        UsageError: the kind is unknown.
    """
    known = {name.lower(): name for name in MODELS}
    name = known.get(kind.lower())
    if name is None:
        raise UsageError(f"unknown kind {kind!r}{did_you_mean(kind, MODELS)}", hint=f"kinds: {', '.join(MODELS)}")
    module, attribute = MODELS[name]
    model: type[BaseModel] = getattr(import_module(module), attribute)
    schema: dict[str, Any] = _plain(model.model_json_schema(by_alias=True))
    for definition, part in [("", schema), *schema.get("$defs", {}).items()]:
        if part.get("type") == "object" and definition not in _OPEN:
            part["additionalProperties"] = False  # Flux's types, too: the API server drops unknown fields
    # Every tool recognizes a kind by these two.
    schema["required"] = sorted({*schema.get("required", ()), "apiVersion", "kind"})
    return {"$schema": DIALECT, **schema, "title": f"{API_VERSION} {name}"}


def _plain(schema: Any) -> Any:
    """A schema without redundant parts: titles made from names, ``null`` for an optional field."""
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _plain(part) for key, part in schema.items() if not (key == "title" and isinstance(part, str))}
    if plain.get("default", "") is None:
        del plain["default"]
        choices = [choice for choice in plain.pop("anyOf", ()) if choice != {"type": "null"}]
        if len(choices) == 1:
            plain = {**choices[0], **plain}
    if "const" in plain:
        plain.pop("enum", None)
    return plain

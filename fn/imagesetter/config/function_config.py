"""What a run is asked to do: the functionConfig, in its three forms, as one value.

None at all; a ConfigMap whose ``data`` are the flat options; or an ``ImageSetter`` (``imagesetter.dev/v1alpha1``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagesetter.config.options import API_VERSION, GROUP, KIND, FunctionOptions, source_scan
from krm_functions.errors import UsageError
from krm_functions.function_config import FunctionConfig
from krm_functions.suggestions import did_you_mean

_FLAT: dict[str, str] = {
    "from": "source",
    "onError": "on_error",
    "check": "check",
    "strict": "strict",
    "allowDowngrade": "allow_downgrade",
    "allowUnpin": "allow_unpin",
    "bindByImage": "bind_by_image",
    "sourceScan": "source_scan",
    "stripAnnotations": "strip_annotations",
    "nested": "nested",
    "namespace": "namespace",
}
_CHOICES: dict[str, tuple[str, ...]] = {
    "source": ("registry", "lock", "status"),
    "on_error": ("fail", "keep"),
    "source_scan": ("true", "false", "exact", "static"),
}
_BOOLEANS = {"check", "strict", "allow_downgrade", "allow_unpin", "bind_by_image", "strip_annotations", "nested"}


def parse_function_config(function_config: FunctionConfig | None) -> FunctionOptions:
    """The options that a functionConfig gives.

    Raises:
        UsageError: an unknown kind or field, or a value that is not accepted; names the field and the nearest one.
    """
    if function_config is None:
        return FunctionOptions()
    if function_config.is_config_map:
        return with_options(FunctionOptions(), function_config.body, where="functionConfig ConfigMap", prefix="data")
    if function_config.kind == KIND and function_config.api_version.startswith(f"{GROUP}/"):
        from imagesetter.config.image_setter import parse_image_setter

        return parse_image_setter(function_config.body)
    raise UsageError(
        f"functionConfig is a {function_config.api_version} {function_config.kind}, which imagesetter does not read",
        where="functionConfig",
        hint=f"write a ConfigMap with flat options, or kind {KIND} of {API_VERSION} (see `imagesetter schema`)",
    )


def is_flag(option: str) -> bool:
    """Whether a flat option is, or may be, true or false."""
    return _FLAT.get(option) in _BOOLEANS or option == "sourceScan"


def with_options(
    config: FunctionOptions, options: Mapping[str, Any], *, where: str, prefix: str = ""
) -> FunctionOptions:
    """A Config with flat options laid over it, as a ConfigMap or the environment gives them.

    Raises:
        UsageError: an unknown option or value.
    """
    values: dict[str, Any] = {}
    prefix = f"{prefix}." if prefix else ""
    for key, raw in options.items():
        name = _FLAT.get(key)
        if name is None:
            raise UsageError(
                f"{prefix}{key}: unknown option{did_you_mean(str(key), _FLAT)}",
                where=where,
                hint=f"the options are {', '.join(_FLAT)}; policies and targets need kind {KIND}",
            )
        text = str(raw).lower() if name == "source_scan" else str(raw)
        if name in _BOOLEANS:
            if text.lower() not in ("true", "false"):
                what = f'{prefix}{key}: {text!r} is neither "true" nor "false"'
                raise UsageError(what, where=where, hint='write "true" or "false"')
            values[name] = text.lower() == "true"
        elif name in _CHOICES and text not in _CHOICES[name]:
            accepted = ", ".join(_CHOICES[name])
            what = f"{prefix}{key}: {text!r} is not one of {accepted}{did_you_mean(text, _CHOICES[name])}"
            raise UsageError(what, where=where, hint="write one of these values")
        else:
            values[name] = source_scan(text) if name == "source_scan" else text
    return config._replace(**values)

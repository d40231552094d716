"""The libraries of the extra ``verify``, which are imported only where something is verified."""

from __future__ import annotations

from functools import cache

from imagesetter.errors import ResolveError

_INSTALL = "install it: pip install 'imagesetter[verify]'"


@cache
def need_cryptography() -> None:
    """Check that signatures can be verified at all.

    Raises:
        ResolveError: the library cryptography is not installed.
    """
    try:
        import cryptography.hazmat.primitives.asymmetric.ec  # noqa: F401
    except ImportError as error:
        raise ResolveError(
            "signatures are verified by the library cryptography; it is not installed", hint=_INSTALL
        ) from error


@cache
def need_sigstore() -> None:
    """Check that keyless signatures can be verified.

    Raises:
        ResolveError: the library sigstore is not installed.
    """
    try:
        import sigstore.verify  # noqa: F401
    except ImportError as error:
        raise ResolveError(
            "keyless signatures are verified by the library sigstore; it is not installed", hint=_INSTALL
        ) from error

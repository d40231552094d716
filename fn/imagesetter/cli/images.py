"""Images as arguments of commands."""

from __future__ import annotations

from imagesetter.errors import ImageReferenceError, UsageError
from imagesetter.registry.reference import Repository, parse_flux_image


def image_argument(text: str) -> Repository:
    """IMAGE as it would stand in an ImageRepository: no scheme, tag or digest.

    Raises:
        UsageError: in Flux's words.
    """
    try:
        return parse_flux_image(text)
    except ImageReferenceError as error:
        raise UsageError(str(error), hint=error.hint or "write it as in ImageRepository.spec.image") from error

"""Images as arguments of commands."""

from __future__ import annotations

from imagesetter.errors import ImageReferenceError
from imagesetter.registry.reference import Repository, parse_flux_image
from krm_functions.errors import UsageError


def image_argument(text: str) -> Repository:
    """IMAGE as in an ImageRepository: without scheme, tag or digest.

    Raises:
        UsageError: it is not valid; the message is Flux's.
    """
    try:
        return parse_flux_image(text)
    except ImageReferenceError as error:
        raise UsageError(str(error), hint=error.hint or "write it as in ImageRepository.spec.image") from error

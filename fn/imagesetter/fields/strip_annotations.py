"""Taking the annotation ``imagesetter.dev/fields`` out of what is given back, when that was asked for."""

from __future__ import annotations

from collections.abc import Iterable

from imagesetter.fields.list_fields import location_of
from imagesetter.fields.report import failure
from imagesetter.fields.resource_list import FIELDS_ANNOTATION
from krm_functions.errors import ReportedError
from krm_functions.item import Item
from krm_functions.result import Result


def strip_annotations(items: Iterable[Item]) -> list[Result]:
    """Remove the annotation from items that have it, and ``annotations`` with it where nothing else is there.

    Gives a warning for each item that cannot be edited; its annotation stays.
    """
    results: list[Result] = []
    for item in items:
        if FIELDS_ANNOTATION in item.annotations:
            try:
                with item.edit() as data:
                    annotations = data["metadata"]["annotations"]
                    del annotations[FIELDS_ANNOTATION]
                    if not annotations:
                        del data["metadata"]["annotations"]
            except ReportedError as error:
                results.append(failure(error, location_of(item), severity="warning"))
    return results

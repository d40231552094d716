"""Editing YAML by difference: change plain data, and the text follows.

::

    document = Document(text)
    document.data["metadata"]["labels"]["team"] = "five"
    text = document.edited().text

`Document.data` are mutable mappings and lists. Whatever is done to them (set, delete, append, insert, move, rename,
replace whole subtrees) becomes the fewest edits of the text: a changed scalar is written in its own quotes, new keys
and items in the indentation of their neighbours, what is removed goes with the comments that belong to it, and
everything else keeps its bytes. Before an edited text is given back, it is read again and has to hold exactly the data
that were wanted.
"""

from __future__ import annotations

from krm_functions.yaml.structure.changes import Note
from krm_functions.yaml.structure.document import Document, Edited
from krm_functions.yaml.structure.editable import EditableList, EditableMapping

__all__ = ["Document", "EditableList", "EditableMapping", "Edited", "Note"]

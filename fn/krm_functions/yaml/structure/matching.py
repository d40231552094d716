"""Which wanted item is which item of the text."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from krm_functions.yaml.structure.editable import EditableMapping, is_list, is_mapping, same
from krm_functions.yaml.structure.tree import CollectionNode, Entry, Node, data_of, is_merge, pristine

_MOST_COMPARED = 250_000
"""How many pairs of items are compared with each other at most; beyond that, items at the same place are the same."""


class Matched(NamedTuple):
    """What the wanted items of a list are.

    Attributes:
        entries: for each wanted item its entry in the text, or None for a new one.
        in_place: the numbers of the wanted items whose entries keep their place.
    """

    entries: Sequence[Entry | None]
    in_place: frozenset[int]


def match_keys(node: CollectionNode, wanted: Mapping[str, Any]) -> dict[int, str]:
    """The keys of the entries that stay, by the entries' identity; a key that was renamed is the new one.

    A renamed key is known by `EditableMapping.rename`, or by a value that is the very same object; a number is no
    object of its own, so there one key has to go and one with the same number to come.
    """
    kept: dict[int, str] = {}
    gone: list[Entry] = []
    for entry in node.entries:
        if is_merge(entry):
            continue
        if entry.key is not None and entry.key in wanted:
            kept[id(entry)] = entry.key
        else:
            gone.append(entry)
    if gone:
        known = {entry.key for entry in node.entries}
        new = [key for key in wanted if key not in known]
        renamed = wanted.renamed if isinstance(wanted, EditableMapping) and wanted is node.data else {}
        only = len(gone) == len(new) == 1
        for key in new:
            for entry in gone:
                if renamed.get(key) == entry.key or _is_moved(entry.value, wanted[key], only=only):
                    kept[id(entry)] = key
                    gone.remove(entry)
                    break
    return kept


def _is_moved(node: Node, value: Any, *, only: bool) -> bool:
    """Whether a value is one that was read; ``only``: one key goes and one comes, so that less is proof enough."""
    data = data_of(node)
    if not isinstance(value, (str, dict, list)):
        return only and same(value, data)
    if value is data:
        return True
    if not only or isinstance(value, str) or not isinstance(node, CollectionNode):
        return False
    parts = {id(part) for entry in node.entries if isinstance(part := data_of(entry.value), (str, dict, list))}
    return any(id(each) in parts for each in (value.values() if isinstance(value, dict) else value))


def match_list(node: CollectionNode, wanted: Sequence[Any]) -> Matched:
    """Match items by identity, by the place at which they were read, by their data, by a name, and by what is left."""
    entries = node.entries
    found: list[Entry | None] = [None] * len(wanted)
    free = dict.fromkeys(range(len(entries)))
    origins = wanted.origins if wanted is node.data else [None] * len(wanted)

    def take(number: int, index: int) -> None:
        found[number] = entries[index]
        del free[index]

    def is_same_object(value: Any, index: int) -> bool:
        return isinstance(value, (str, dict, list)) and value is data_of(entries[index].value)

    for number, origin in enumerate(origins):
        if origin in free and is_same_object(wanted[number], origin):
            take(number, origin)
    objects: dict[int, list[int]] = {}
    for index in free:
        if isinstance(data := data_of(entries[index].value), (str, dict, list)):
            objects.setdefault(id(data), []).append(index)
    for number, value in enumerate(wanted):
        if found[number] is None and (places := objects.get(id(value))):
            take(number, places.pop(0))
    for number, origin in enumerate(origins):
        if found[number] is None and origin in free:
            take(number, origin)
    if free and None in found and wanted is not node.data:
        _match_data(entries, wanted, found, free)
    if free and None in found:
        _match_names(entries, wanted, found, free)
        _match_equal(entries, wanted, found, free)
    return _in_order(entries, found, free, wanted)


def _match_data(
    entries: Sequence[Entry], wanted: Sequence[Any], found: list[Entry | None], free: dict[int, None]
) -> None:
    """The longest common subsequence of what is not matched yet."""
    old, new = list(free), [number for number, entry in enumerate(found) if entry is None]
    if len(old) * len(new) > _MOST_COMPARED:
        return
    data = [pristine(entries[index].value) for index in old]
    lengths = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in range(len(old) - 1, -1, -1):
        for j in range(len(new) - 1, -1, -1):
            equal = same(data[i], wanted[new[j]])
            lengths[i][j] = lengths[i + 1][j + 1] + 1 if equal else max(lengths[i + 1][j], lengths[i][j + 1])
    i = j = 0
    while i < len(old) and j < len(new):
        if lengths[i][j] == lengths[i + 1][j]:
            i += 1
        elif lengths[i][j] == lengths[i][j + 1]:
            j += 1
        else:
            found[new[j]] = entries[old[i]]
            del free[old[i]]
            i, j = i + 1, j + 1


def _match_names(
    entries: Sequence[Entry], wanted: Sequence[Any], found: list[Entry | None], free: dict[int, None]
) -> None:
    """Mappings with the same ``name``, where one old and one new item has it."""
    old: dict[str, list[int]] = {}
    new: dict[str, list[int]] = {}
    for index in free:
        if (name := _name(pristine(entries[index].value))) is not None:
            old.setdefault(name, []).append(index)
    for number, entry in enumerate(found):
        if entry is None and (name := _name(wanted[number])) is not None:
            new.setdefault(name, []).append(number)
    for name, numbers in new.items():
        if len(numbers) == 1 and len(old.get(name, ())) == 1:
            index = old[name][0]
            found[numbers[0]] = entries[index]
            del free[index]


def _match_equal(
    entries: Sequence[Entry], wanted: Sequence[Any], found: list[Entry | None], free: dict[int, None]
) -> None:
    """Collections that are equal to one of the text, wherever they are now."""
    new = [number for number, entry in enumerate(found) if entry is None and isinstance(wanted[number], (dict, list))]
    if len(new) * len(free) > _MOST_COMPARED:
        return
    for number in new:
        index = next((index for index in free if same(pristine(entries[index].value), wanted[number])), None)
        if index is not None:
            found[number] = entries[index]
            del free[index]


def _name(data: Any) -> str | None:
    name = data.get("name") if is_mapping(data) else None
    return name if isinstance(name, str) else None


def _in_order(
    entries: Sequence[Entry], found: list[Entry | None], free: dict[int, None], wanted: Sequence[Any]
) -> Matched:
    """Let the longest run that is in the text's order stay; what is new there takes the place of what goes there."""
    index_of = {id(entry): index for index, entry in enumerate(entries)}
    numbers = [number for number, entry in enumerate(found) if entry is not None]
    stay = _longest_rising([index_of[id(found[number])] for number in numbers])
    in_place = {numbers[at] for at in stay}
    before = -1
    gap: list[int] = []
    for number in range(len(found) + 1):
        entry = found[number] if number < len(found) else None
        if number == len(found) or number in in_place:
            index = index_of[id(entry)] if entry is not None and number < len(found) else len(entries)
            olds = [old for old in range(before + 1, index) if old in free]
            for new in gap:
                for old in olds:
                    if _alike(entries[old], wanted[new]):
                        found[new] = entries[old]
                        in_place.add(new)
                        olds = [later for later in olds if later > old]
                        del free[old]
                        break
            before, gap = index, []
        elif entry is None:
            gap.append(number)
    return Matched(found, frozenset(in_place))


def _alike(entry: Entry, wanted: Any) -> bool:
    """Whether one value can take the place of another: both are mappings, lists, or neither."""
    data = data_of(entry.value)
    return (is_mapping(data), is_list(data)) == (is_mapping(wanted), is_list(wanted))


def _longest_rising(values: Sequence[int]) -> list[int]:
    """The places of a longest rising subsequence."""
    tails: list[int] = []
    places: list[int] = []
    previous: list[int] = [-1] * len(values)
    for number, value in enumerate(values):
        at = bisect_left(tails, value)
        previous[number] = places[at - 1] if at else -1
        if at == len(tails):
            tails.append(value)
            places.append(number)
        else:
            tails[at] = value
            places[at] = number
    chain: list[int] = []
    number = places[-1] if places else -1
    while number >= 0:
        chain.append(number)
        number = previous[number]
    return chain[::-1]

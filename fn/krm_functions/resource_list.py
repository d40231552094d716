"""The ResourceList: what kpt and kustomize hand to a function on standard input, and take back from standard output.

It is read in one pass over libyaml's events and never loaded as a whole: each item is known by the place of its text
and the few scalars that say what it is. The output is the input's own text with edits in it (`output.py`), so
that a function changes what it means to change and nothing else.

Sources: KRM functions specification v1 (kustomize, cmd/config/docs/api-conventions/functions-spec.md) and what
kyaml ``kio.ByteReader`` accepts. JSON is YAML, and is read and answered as such.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from krm_functions import annotations as notes
from krm_functions.errors import InputError, ResourceError, ResourceListError, SpliceError
from krm_functions.item import Item
from krm_functions.items import find_items
from krm_functions.layout import Layout, find_layout
from krm_functions.list_text import ListText
from krm_functions.naming import naming_of
from krm_functions.output import answer_edits
from krm_functions.result import ResourceRef, Result
from krm_functions.results import Results
from krm_functions.yaml.edits import Edit, splice, splice_parts
from krm_functions.yaml.encoding import decode_text, encode_parts
from krm_functions.yaml.insertion import block_entries
from krm_functions.yaml.load import load
from krm_functions.yaml.scan import scalars

if TYPE_CHECKING:
    from krm_functions.label_selector import LabelSelector
    from krm_functions.yaml.scan_result import Comment, ScanResult

VERSIONS: Final = (
    "config.kubernetes.io/v1",
    "config.kubernetes.io/v1beta1",
    "config.kubernetes.io/v1alpha1",
)
"""The apiVersions of a ResourceList that are read; the answer repeats the input's."""

_HINT = "kpt and kustomize run a function; by hand: kpt fn source DIR | FUNCTION"


class ResourceList:
    """One ResourceList.

    Attributes:
        text: the input, decoded, without byte order mark. All offsets are code points into it.
        bom: whether the input began with a byte order mark.
        api_version: as the input says it, ``config.kubernetes.io/v1`` where it does not.
        layout: the places of the parts.
        whole: the text as data, loaded only when it cannot be helped.
    """

    def __init__(
        self, *, text: str, bom: bool, api_version: str, items: tuple[Item, ...], layout: Layout, whole: ListText
    ) -> None:
        self.text: Final = text
        self.bom: Final = bom
        self.api_version: Final = api_version
        self._items = items
        self.layout: Final = layout
        self.whole: Final = whole

    @classmethod
    def parse(cls, data: bytes, *, needle: str = "", name: str = "stdin") -> ResourceList:
        """Read a ResourceList.

        Args:
            data: UTF-8, YAML or JSON.
            needle: also collect the comments that contain this text.
            name: what errors call the input.

        Raises:
            TextError: the input is not UTF-8, or not YAML.
            ResourceListError: it is something else than one ResourceList.
        """
        source = decode_text(data, name=name)
        if not source.text.strip():
            raise ResourceListError("is empty, expected a ResourceList", where=name, hint=_HINT)
        layout = find_layout(source.text, needle, name)
        kind, api_version = (scalar.value if (scalar := layout.own(key)) else "" for key in ("kind", "apiVersion"))
        if kind != "ResourceList":
            what = f"is of kind {kind!r}" if kind else "has no kind"
            raise ResourceListError(f"{what}, expected a ResourceList", where=f"{name}:{layout.root.line}", hint=_HINT)
        if api_version and api_version not in VERSIONS:
            raise ResourceListError(
                f"has apiVersion {api_version!r}, expected one of {', '.join(VERSIONS)}",
                where=f"{name}:{layout.root.line}",
            )
        whole = ListText(source.text, name)
        whole.items = find_items(whole, layout)
        return cls(
            text=source.text,
            bom=source.bom,
            api_version=api_version or VERSIONS[0],
            items=whole.items,
            layout=layout,
            whole=whole,
        )

    @property
    def items(self) -> tuple[Item, ...]:
        """The resources, in order: those that were read, without those that were removed, and those that were added."""
        return self._items

    def add(self, data: Mapping[str, Any]) -> Item:
        """Add a resource behind the others; the item can be edited like any other.

        Args:
            data: the resource; the annotation ``internal.config.kubernetes.io/path`` says in which file it goes.

        Raises:
            ResourceError: it has no kind or no name, or there is one of that name already.
            SpliceError: the data cannot be written as YAML.
        """
        if self.find(data) is not None:
            raise ResourceError("exists already", where=str(_ref(data)), hint="upsert puts one in the place of another")
        item = new_item(data)
        self._items = (*self._items, item)
        return item

    def upsert(self, data: Mapping[str, Any]) -> Item:
        """Make a resource part of the list: in place of the one of its group, kind, namespace and name, else added.

        One that is there keeps its place, the orchestrator's annotations, and the text of all that does not change.

        Raises:
            ResourceError, SpliceError: as `add`.
        """
        item = self.find(data)
        if item is None:
            return self.add(data)
        with item.edit() as old:
            kept = {key: value for key, value in item.annotations.items() if notes.is_internal(key)}
            old.clear()
            old.update(data)
            if kept:
                metadata = dict(data.get("metadata") or {})
                old["metadata"] = {**metadata, "annotations": {**(metadata.get("annotations") or {}), **kept}}
        return item

    def remove(self, item: Item) -> None:
        """Take a resource out of the list; kpt and `run` by hand remove it from its file.

        Raises:
            ValueError: it is not in the list.
        """
        left = tuple(each for each in self._items if each is not item)
        if len(left) == len(self._items):
            raise ValueError(f"{item.ref} is not in the list")
        self._items = left

    def find(self, data: Mapping[str, Any]) -> Item | None:
        """The resource of the same group, kind, namespace and name as the given one; None where there is none.

        Raises:
            ResourceError: the given one has no kind or no name.
        """
        wanted = _ref(data)
        if not wanted.kind or not wanted.name:
            raise ResourceError("has no kind or no metadata.name", where=str(wanted) or "a new resource")
        return next((item for item in self._items if _identity(item.ref) == _identity(wanted)), None)

    @property
    def is_rearranged(self) -> bool:
        """Whether items were added or removed."""
        return self._items is not self.whole.items

    @property
    def scan(self) -> ScanResult:
        """The pass that read the list; `krm_functions.yaml.proof` wants it."""
        return self.layout.scan

    @property
    def comments(self) -> tuple[Comment, ...]:
        """The comments that contain the needle. The path of a comment's scalar begins with ``("items", number)``."""
        return self.layout.scan.comments

    @cached_property
    def function_config(self) -> dict[str, Any] | None:
        """What the orchestrator configured the function with; None where there is nothing.

        `krm_functions.function_config.read_function_config` tells a ConfigMap's options from a kind of the function's
        own.

        Raises:
            TextError: it is YAML but no data.
            ResourceListError: it is not a mapping.
        """
        data = self._data("functionConfig")
        if isinstance(data, dict) and _is_function_input(data):
            return self._with_texts(data)
        if data is None or isinstance(data, dict):
            return data
        where = f"{self.whole.name}:{self.layout.parts['functionConfig'].line}"
        raise ResourceListError("functionConfig is not a mapping, expected a resource", where=where)

    def _with_texts(self, config: dict[str, Any]) -> dict[str, Any]:
        """A ConfigMap that ``kustomize fn run -- key=value`` made: it writes ``1.10`` and ``yes`` without quotes."""
        part = self.layout.parts["functionConfig"]
        text = " " * part.column + self.text[part.start : part.end]
        written = {scalar.path: scalar.value for scalar in scalars(text)}
        data = {key: written.get(("data", key), value) for key, value in config["data"].items()}
        return {**config, "data": data}

    @cached_property
    def results(self) -> Results:
        """What functions before this one reported, as far as it can be read, and what this one adds.

        The text of the former stays as it is.
        """
        data = self._data("results")
        return Results(map(Result.from_dict, data) if isinstance(data, list) else ())

    def where(
        self,
        *,
        kind: str | None = None,
        name: str | None = None,
        namespace: str | None = None,
        group: str | None = None,
        version: str | None = None,
        labels: str | LabelSelector | None = None,
        local_config: bool | None = None,
    ) -> list[Item]:
        """The items that have all of the given properties, compared as `Selector` does it.

        Args:
            kind: such as ``Deployment``; every name that kustomize has given a resource counts.
            name: the same.
            namespace: the same; ``default`` and none are one.
            group: such as ``apps``; empty for the core group.
            version: such as ``v1``.
            labels: a label selector, such as ``app in (web, api), !canary``.
            local_config: whether they are for tools only and never meant for a cluster.

        Raises:
            UsageError: *labels* is not a label selector.
        """
        from krm_functions.selector import Selector

        if isinstance(labels, str):
            from krm_functions.label_selector import LabelSelector

            labels = LabelSelector.parse(labels)
        selector = Selector(group, version, kind, name, namespace, labels, local_config)
        return [item for item in self.items if selector.matches(item)]

    @property
    def kptfile(self) -> Item | None:
        """The Kptfile of the package itself, not of one below it; None where there is none."""
        found = [item for item in self.items if item.is_gvk("kpt.dev", None, "Kptfile")]
        return min(found, key=lambda item: item.path.count("/"), default=None)

    @property
    def by_kustomize(self) -> bool:
        """Whether ``kustomize build`` runs the function: it does not show results, only standard error."""
        return any(notes.KUSTOMIZE_ID in item.annotations for item in self.items)

    def render(
        self,
        edits: Iterable[Edit] = (),
        results: Sequence[Result] = (),
        *,
        items: Sequence[Item | Mapping[str, Any]] | None = None,
    ) -> bytes:
        """The list to give back: the input with edits in its text and results added to those it has.

        Without any of the three, and without edits of items (`Item.edit`), it is the input, byte for byte.

        Args:
            edits: replacements in ``text``.
            results: written in the given order, behind those of functions before this one.
            items: the items to give back where some are to go, to come, or to be replaced by data. Items of this list
                keep their text, wherever they are; mappings are written in block style (in a flow list: in JSON).

        Raises:
            SpliceError: edits overlap, or lie in an item that is not given back, or an item that is given back repeats
                a node of one that is not.
            ResourceListError: the input has ``results`` to which nothing can be added.
        """
        if items is None and self.is_rearranged:
            items = self.items
        if items is not None:
            added = {id(item) for item in self.items if item.whole is not self.whole}
            items = [item.load() if isinstance(item, Item) and id(item) in added else item for item in items]
        self.keep_borrowed(items)
        together = self._with_item_edits(list(edits), items) if self.whole.edited else list(edits)
        wanted = answer_edits(self.whole, self.layout, self.whole.items, together, results, items)
        if items is not None:
            _prove(splice(self.text, wanted), len(items))
        return encode_parts(splice_parts(self.text, wanted), bom=self.bom)

    def keep_borrowed(self, items: Sequence[Item | Mapping[str, Any]] | None = None) -> None:
        """Write out what items repeat (``*alias``) of others that were edited or are not given back.

        `render` does it as well; `edit_results` have it only where it was done before.

        Raises:
            SpliceError: it cannot be written out.
        """
        if (self.whole.edited or items is not None) and self.layout.scan.aliases:
            from krm_functions.borrowed import keep_borrowed

            keep_borrowed(self.whole, self.layout, lambda: self._with_item_edits([], items), items)

    @property
    def edit_results(self) -> list[Result]:
        """What edits of items had to do beside what they were asked for: an alias or a merge key written out."""
        items = sorted(self.whole.edited.values(), key=lambda item: item.number)
        return [result for item in items for result in item.edits.results()]

    def discard_edits(self) -> None:
        """Forget what was done to items, so that `render` gives back what was read: a function failed half-way."""
        self.whole.edited.clear()
        self._items = self.whole.items

    def _with_item_edits(self, edits: list[Edit], items: Sequence[Item | Mapping[str, Any]] | None) -> list[Edit]:
        """The edits with those of items that are given back."""
        from krm_functions.editing import refuse_overlap

        together = list(edits)
        given = None if items is None else set(map(id, items))
        for item in self.whole.edited.values():
            if given is None or id(item) in given:
                own = item.edits.edits()
                refuse_overlap(item, own, edits)
                together += own
        return together

    def _data(self, name: str) -> Any:
        part = self.layout.parts.get(name)
        if part is None or part.scalar is not None:
            return None
        if part.borrows:
            return self.whole.copy(name)
        text = " " * part.column + self.text[part.start : part.end]
        return load(text, name=self.whole.name, first_line=part.line)


def new_item(data: Mapping[str, Any]) -> Item:
    """An item of a list of its own, to be added to another one."""
    text = "kind: ResourceList\nitems:\n" + block_entries([data], 0, "\n")
    (item,) = ResourceList.parse(text.encode(), name=str(_ref(data))).items
    return item


def _is_function_input(config: Mapping[str, Any]) -> bool:
    data, metadata = config.get("data"), config.get("metadata")
    return (
        config.get("kind") == "ConfigMap"
        and isinstance(data, dict)
        and isinstance(metadata, dict)
        and metadata.get("name") == "function-input"
    )


def _ref(data: Mapping[str, Any]) -> ResourceRef:
    naming = naming_of(data)
    return ResourceRef(naming.api_version, naming.kind, naming.name, naming.namespace)


def _identity(ref: ResourceRef) -> tuple[str, str, str, str]:
    return ref.api_version.rpartition("/")[0], ref.kind, ref.namespace or "default", ref.name


def _prove(answer: str, count: int) -> None:
    """Read an answer with other items again: it has to be a list of as many."""
    try:
        found = len(ResourceList.parse(answer.encode(), name="the answer").items)
    except InputError as err:
        hint = "an item that is given back may repeat a node (*anchor) of one that is not"
        raise SpliceError(f"the answer cannot be read: {err.what}", where=err.where, hint=hint) from err
    if found != count:
        raise SpliceError(f"the answer has {found} items instead of {count}")

"""What a policy kind has to define; each stands in a module of its own, and `imagesetter.policy.kinds` lists them.

Everything that depends on a kind derives from these few facts: the models of Flux's resources and of inline policies,
the JSON Schemas, the lock's hash, the options and the words of ``explain``, and what the linter needs to know.

A locked run hashes policies, so it imports every kind, and `dataclasses` alone would take 14 ms of it. Hence the
hand-written classes; and what reads versions and numbers is imported where it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final, Literal, NamedTuple, Protocol

from imagesetter.errors import InvalidPolicy
from krm_functions.messages import shown


class Argument(NamedTuple):
    """The one field that a kind has in Flux's resources, such as ``range`` in ``policy.semver.range``.

    Args:
        name: the field's name.
        model: what Flux calls the object that holds the field; kinds with the same field share it.
        description: one sentence about that object, for the JSON Schema.
        default: what a missing field means; ``None`` where it has to be there.
        choices: the words that it takes, in any case; empty where any text may stand.
    """

    name: str
    model: str
    description: str
    default: str | None = None
    choices: tuple[str, ...] = ()

    @property
    def metavar(self) -> str:
        """What stands for a value in help texts: ``RANGE``, ``asc|desc``."""
        return "|".join(self.choices) or self.name.upper()

    def normalized(self, text: str) -> str:
        """The same value in its usual form: choices in lower case, the default for an empty text."""
        return (text.lower() if self.choices else text) or self.default or ""


ORDER: Final = Argument("order", "OrderedPolicy", "Alphabetical or numerical order.", "asc", ("asc", "desc"))


class Rule:
    """A rule of some kind: an immutable value with one field. Rules are equal when kind and value are."""

    __slots__ = ("value",)

    kind: ClassVar[str]
    """The kind's name in ``spec.policy`` and on the command line."""
    argument: ClassVar[Argument]
    summary: ClassVar[str]
    """Which tag it chooses, for the help text."""
    noun: ClassVar[str]
    """What it reads a text as: ``version``, ``number``."""
    tie: ClassVar[Literal["first", "last"]] = "first"
    """Which of the tags that rank the same is chosen, in byte order."""
    skips_unreadable: ClassVar[bool] = False
    """Whether it passes over texts that it cannot read, instead of failing."""
    reads_any_text: ClassVar[bool] = False
    """Whether every tag is a candidate, ``latest`` too."""

    value: str

    def __init__(self, value: str) -> None:
        object.__setattr__(self, "value", value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} cannot be changed")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rule) and (self.kind, self.value) == (other.kind, other.value)

    def __hash__(self) -> int:
        return hash((self.kind, self.value))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"

    def problem(self, text: str) -> str:
        """Why the rule cannot read a text; empty when it can."""
        raise NotImplementedError

    def ranker(self) -> Ranker:
        """The rule, ready to rank.

        Raises:
            InvalidPolicy: its value is invalid.
        """
        raise NotImplementedError


class OrderedRule(Rule):
    """A rule with an order, ``asc`` or ``desc`` in any case (Flux: ``internal/policy/factory.go``)."""

    __slots__ = ()
    argument = ORDER

    def __init__(self, value: str = "asc") -> None:
        super().__init__(value)

    @property
    def descending(self) -> bool:
        """Whether it is ``desc``; nothing means ``asc``.

        Raises:
            InvalidPolicy: any other text, in Flux's words.
        """
        wanted = self.value.upper()
        if wanted not in ("", "ASC", "DESC"):
            raise InvalidPolicy(f"invalid order argument provided: '{shown(wanted)}', must be one of: ASC, DESC")
        return wanted == "DESC"


class Keys:
    """The texts that a rule reads: tags, or what filterTags.extract makes of them.

    Args:
        texts: at least one. Only tags themselves may stand here twice.
        tag: the tag that a text stands for.
    """

    __slots__ = ("tag", "texts")

    def __init__(self, texts: Sequence[str], tag: Callable[[str], str]) -> None:
        self.texts = texts
        self.tag = tag

    @classmethod
    def of_tags(cls, tags: Sequence[str]) -> Keys:
        """Tags that are read as they are."""
        return cls(tags, str)

    @classmethod
    def of_texts(cls, tags: Mapping[str, str]) -> Keys:
        """Texts, each with the tag that it stands for."""
        return cls(list(tags), tags.__getitem__)


class Ranker(Protocol):
    """A rule, ready to rank. It passes over texts that it cannot rank, or raises as Flux would.

    Flux walks over the tags sorted descending by their bytes, and that order settles ties: semver keeps the first of
    equal versions, so the last tag in byte order wins; numerical takes the last of equal numbers, so the first tag in
    byte order wins. With filterTags Flux walks in random order; here it is always the order of the tags that the texts
    stand for, so that the same tags give the same choice.
    """

    def best(self, keys: Keys) -> str:
        """The tag that is chosen."""

    def rank(self, keys: Keys) -> list[str]:
        """The tags that may be chosen, each before those that would be chosen if it were gone."""

    def compare(self, a: str, b: str) -> int | None:
        """1 if the text *a* ranks above *b*, -1 if below, 0 if neither; ``None`` if one of them cannot be ranked."""

    def outside(self, text: str) -> str:
        """Why a text that the rule can read is no candidate; empty when it is one."""

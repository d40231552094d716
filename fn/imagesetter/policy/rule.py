"""What a policy kind has to define. Each kind has a module of its own; `imagesetter.policy.kinds` lists them.

Everything that depends on a kind derives from these few attributes: the models of Flux's resources and of inline
policies, the JSON Schemas, the lock's hash, the options and texts of ``explain``, and the linter's rules.

A locked run hashes policies, so it imports every kind, and importing `dataclasses` alone would take 14 ms. So the
classes are written by hand, and the parsers of versions and numbers are imported where they are used.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final, Literal, NamedTuple, Protocol

from imagesetter.errors import InvalidPolicy
from krm_functions.messages import shown

DEFAULT_EXCLUSIONS = (r"^.*\.sig$",)
"""Used if a repository has no exclusion list, or an empty one: excludes cosign's signatures."""


class Argument(NamedTuple):
    """The single field of a kind in Flux's resources, such as ``range`` in ``policy.semver.range``.

    Args:
        name: the field's name.
        model: Flux's name of the object that contains the field; kinds with the same field share it.
        description: one sentence about that object, for the JSON Schema.
        default: the value of a missing field; ``None`` if the field is required.
        choices: the allowed values, in any case; empty if any text is allowed.
    """

    name: str
    model: str
    description: str
    default: str | None = None
    choices: tuple[str, ...] = ()

    @property
    def metavar(self) -> str:
        """The placeholder of a value in help texts: ``RANGE``, ``asc|desc``."""
        return "|".join(self.choices) or self.name.upper()

    def normalized(self, text: str) -> str:
        """The same value in its normal form: choices in lower case, the default for an empty text."""
        return (text.lower() if self.choices else text) or self.default or ""


ORDER: Final = Argument("order", "OrderedPolicy", "Alphabetical or numerical order.", "asc", ("asc", "desc"))


class Rule:
    """A rule of some kind: an immutable value with one field. Rules are equal if kind and value are."""

    __slots__ = ("value",)

    kind: ClassVar[str]
    """The kind's name in ``spec.policy`` and on the command line."""
    argument: ClassVar[Argument]
    summary: ClassVar[str]
    """Which tag it selects, for the help text."""
    noun: ClassVar[str]
    """What it parses a text as: ``version``, ``number``."""
    tie: ClassVar[Literal["first", "last"]] = "first"
    """Which of several tags with the same rank is selected: the first or the last in byte order."""
    skips_unreadable: ClassVar[bool] = False
    """Whether it skips texts that it cannot parse, instead of failing."""
    reads_any_text: ClassVar[bool] = False
    """Whether every tag is a candidate, even ``latest``."""

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
        """Why the rule cannot parse a text; empty if it can."""
        raise NotImplementedError

    def ranker(self) -> "Ranker":
        """Validate the rule and prepare it to rank texts.

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
        """Whether the order is ``desc``; an empty text means ``asc``.

        Raises:
            InvalidPolicy: any other text; the message is Flux's.
        """
        wanted = self.value.upper()
        if wanted not in ("", "ASC", "DESC"):
            raise InvalidPolicy(f"invalid order argument provided: '{shown(wanted)}', must be one of: ASC, DESC")
        return wanted == "DESC"


class Keys:
    """The texts that a rule ranks: tags, or what filterTags.extract gives for them.

    Args:
        texts: at least one. Only tags themselves may occur twice.
        tag: returns the tag of a text.
    """

    __slots__ = ("tag", "texts")

    def __init__(self, texts: Sequence[str], tag: Callable[[str], str]) -> None:
        self.texts = texts
        self.tag = tag

    @classmethod
    def of_tags(cls, tags: Sequence[str]) -> "Keys":
        """Tags that are ranked as they are."""
        return cls(tags, str)

    @classmethod
    def of_texts(cls, tags: Mapping[str, str]) -> "Keys":
        """Texts, each with its tag."""
        return cls(list(tags), tags.__getitem__)


class Ranker(Protocol):
    """A valid rule that ranks texts. It skips texts that it cannot rank, or raises as Flux does.

    Flux goes through the tags in descending byte order, and that order breaks ties: semver keeps the first of equal
    versions, so the last tag in byte order wins; numerical takes the last of equal numbers, so the first tag in byte
    order wins. With filterTags, Flux's order is random; here it is always the byte order of the tags, so that the same
    tags give the same selection.
    """

    def best(self, keys: Keys) -> str:
        """The selected tag."""

    def rank(self, keys: Keys) -> list[str]:
        """The candidates, best first."""

    def compare(self, a: str, b: str) -> int | None:
        """1 if the text *a* ranks higher than *b*, -1 if lower, 0 if equal; ``None`` if one cannot be ranked."""

    def outside(self, text: str) -> str:
        """Why a text that the rule can parse is not a candidate; empty if it is one."""

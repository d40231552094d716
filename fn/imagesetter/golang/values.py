"""Go's values and types, as far as a commit message template meets them.

======================  ===========================================================
Go                      here
======================  ===========================================================
bool, int, float64,     ``bool``, ``int``, ``float``, ``complex``
complex128
string                  ``str`` (see `strings`)
other integer types     a subclass of `Sized`: `Int64`, `Uint8`, …
[]T                     `Slice`, its ``go_type`` tells T
map[K]V                 `Map`
struct, pointer         any object whose class has a ``go_type`` with fields and methods
nil in an interface     ``None``
reflect.Value of kind   `Boxed`: what comes out of a ``[]interface{}`` remembers that it
interface               did, because Go's messages tell
the zero reflect.Value  `INVALID`: a missing map key; prints ``<no value>``
======================  ===========================================================
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, ClassVar, Final, NamedTuple

from imagesetter.golang.budget import Budget
from imagesetter.golang.strings import encode


class Method(NamedTuple):
    """A method that a template may call: how, with which Go parameter types."""

    call: Callable[..., object]
    params: "tuple[Type, ...]" = ()
    variadic: bool = False
    boxed: "Type | None" = None
    """The interface type that Go declares as the result, if it is one."""


class StructField(NamedTuple):
    """A struct field: Go's name, the attribute that holds it, its type, its name in JSON, and if JSON omits empty."""

    name: str
    attribute: str
    type: "Type"
    json: str = ""
    omit_empty: bool = False

    @property
    def exported(self) -> bool:
        """Whether templates may name it."""
        return self.name[:1].isupper()


class Type:
    """A Go type: its name as Go prints it, its kind, and what it is made of. Types are equal when identical."""

    __slots__ = (
        "comparable",
        "elem",
        "fields",
        "hidden",
        "inlined",
        "key",
        "kind",
        "methods",
        "name",
        "string",
        "zero",
    )

    def __init__(
        self,
        name: str,
        kind: str,
        *,
        elem: "Type | None" = None,
        key: "Type | None" = None,
        fields: Iterable[StructField] = (),
        methods: dict[str, Method] | None = None,
        string: str = "",
        zero: Callable[[], object] | None = None,
    ) -> None:
        self.name = name
        self.kind = kind
        self.elem = elem
        self.key = key
        self.fields = tuple(fields)
        """What is printed, in Go's order."""
        self.hidden: dict[str, StructField] = {}
        """What can be named but is not printed: promoted fields, and fields of the other dialect."""
        self.inlined: tuple[str, ...] = ()
        """Names of embedded structs, whose fields JSON lifts up."""
        self.methods = methods or {}
        self.string = string
        """The attribute that is the value's ``String()``, empty when Go's type has none."""
        self.zero = zero
        self.comparable = kind not in ("slice", "map", "func")

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def field(self, name: str) -> StructField | None:
        """The field that a template names, promoted ones included."""
        for field in self.fields:
            if field.name == name:
                return field
        return self.hidden.get(name)


BOOL: Final = Type("bool", "bool", zero=bool)
INT: Final = Type("int", "int", zero=int)
INT64: Final = Type("int64", "int64")
UINT8: Final = Type("uint8", "uint8")
UINT64: Final = Type("uint64", "uint64")
FLOAT64: Final = Type("float64", "float64", zero=float)
COMPLEX128: Final = Type("complex128", "complex128", zero=complex)
STRING: Final = Type("string", "string", zero=str)
ANY: Final = Type("interface {}", "interface")
REFLECT_VALUE: Final = Type("reflect.Value", "struct")
"""The parameter type of builtins that look at values themselves."""


@cache
def slice_of(elem: Type) -> Type:
    """``[]elem``."""
    return Type(f"[]{elem.name}", "slice", elem=elem)


@cache
def map_of(key: Type, elem: Type) -> Type:
    """``map[key]elem``."""
    return Type(f"map[{key.name}]{elem.name}", "map", key=key, elem=elem)


LIST: Final = slice_of(ANY)
STRINGS: Final = slice_of(STRING)
INTS: Final = slice_of(INT)
DICT: Final = map_of(STRING, ANY)
STRING_MAP: Final = map_of(STRING, STRING)


class Sized(int):
    """An integer of a type other than ``int``."""

    __slots__ = ()
    go_type: ClassVar[Type]


class Int64(Sized):
    """Go's int64: what sprig's arithmetic gives."""

    __slots__ = ()
    go_type = INT64


class Uint8(Sized):
    """Go's uint8: a byte of a string."""

    __slots__ = ()
    go_type = UINT8


class Uint64(Sized):
    """Go's uint64: the numbers of a version."""

    __slots__ = ()
    go_type = UINT64


def wrap64(number: int) -> int:
    """The number as 64 signed bits hold it."""
    return ((number + (1 << 63)) & ((1 << 64) - 1)) - (1 << 63)


class Slice:
    """A Go slice; *items* holds plain values, ``None`` for nil interfaces. ``nil`` slices are empty and print alike."""

    __slots__ = ("go_type", "items", "nil")

    def __init__(self, go_type: Type, items: list[Any] | None) -> None:
        self.go_type = go_type
        self.items: list[Any] = [] if items is None else items
        self.nil = items is None


class Map:
    """A Go map."""

    __slots__ = ("go_type", "items", "nil")

    def __init__(self, go_type: Type, items: dict[Any, Any] | None) -> None:
        self.go_type = go_type
        self.items: dict[Any, Any] = {} if items is None else items
        self.nil = items is None

    def sorted(self) -> list[tuple[Any, Any]]:
        """Keys and values in the order in which Go prints and ranges (``internal/fmtsort``)."""
        return sorted(self.items.items(), key=lambda item: sort_key(item[0]))


class Boxed:
    """A value seen through an interface type: an element of a ``[]interface{}``, an ImageRef."""

    __slots__ = ("type", "value")

    def __init__(self, type_: Type, value: object) -> None:
        self.type = type_
        self.value = value


class Invalid:
    """The zero reflect.Value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "INVALID"


INVALID: Final = Invalid()
_PLAIN: Final[dict[type, Type]] = {str: STRING, int: INT, bool: BOOL, float: FLOAT64, complex: COMPLEX128}


def type_of(value: Any) -> Type:
    """The dynamic type of a value that is neither nil nor INVALID."""
    plain = _PLAIN.get(type(value))
    if plain is not None:
        return plain
    if type(value) is Boxed:
        return value.type
    found: Type = value.go_type
    return found


def kind_of(value: object) -> str:
    """Go's name of the value's kind; ``invalid`` for nil."""
    return "invalid" if value is None or value is INVALID else type_of(value).kind


def type_name(value: object) -> str:
    """What ``%T`` prints."""
    return "<nil>" if value is None or value is INVALID else type_of(value).name


def box(elem: Type | None, value: object) -> object:
    """An element as Go hands it out: boxed if the container's element type is an interface."""
    return Boxed(elem, value) if elem is not None and elem.kind == "interface" else value


def unbox(value: object) -> object:
    """The concrete value inside an interface; INVALID for nil."""
    if type(value) is Boxed:
        return INVALID if value.value is None else value.value
    return INVALID if value is None else value


def plain(value: object) -> object:
    """The value as an ``interface{}`` parameter takes it: nil is ``None``."""
    if type(value) is Boxed:
        return value.value
    return None if value is INVALID else value


def zero_of(type_: Type) -> object:
    """The zero value of a type, as ``index`` gives it for a missing key."""
    if type_.zero is not None:
        return type_.zero()
    if type_.kind == "slice":
        return Slice(type_, None)
    if type_.kind == "map":
        return Map(type_, None)
    if type_.kind == "interface":
        return Boxed(type_, None)
    return INVALID


def is_nil(value: object) -> bool:
    """Whether the value is nil of whatever type."""
    if type(value) is Boxed:
        return value.value is None
    if isinstance(value, (Slice, Map)):
        return value.nil
    return value is None or value is INVALID


def truth(value: object) -> bool:
    """What ``if`` thinks of the value: false for zero, nil, and empty strings, lists and maps. Structs are true."""
    value = unbox(value)
    if value is INVALID:
        return False
    if isinstance(value, (Slice, Map)):
        return bool(value.items)
    if isinstance(value, (str, int, float, complex)):
        return bool(value)
    return True


def sort_key(key: object) -> Any:
    """What orders the keys of one map: text by bytes, numbers by value, structs field by field."""
    if isinstance(key, str):
        return encode(key)
    if isinstance(key, (int, float)):
        return key
    return tuple(sort_key(value) for value in field_values(key))


def field_values(value: object) -> Iterator[object]:
    """The values of a struct's printed fields."""
    for field in type_of(value).fields:
        yield getattr(value, field.attribute)


def deep_equal(a: object, b: object, budget: Budget) -> bool:
    """Go's ``reflect.DeepEqual``: same types, same contents; a nil slice is not an empty one."""
    budget.step()
    if a is None or b is None:
        return a is b
    if type_of(a) is not type_of(b):
        return False
    if isinstance(a, Slice) and isinstance(b, Slice):
        return (
            a.nil == b.nil
            and len(a.items) == len(b.items)
            and (a.items is b.items or all(deep_equal(x, y, budget) for x, y in zip(a.items, b.items, strict=True)))
        )
    if isinstance(a, Map) and isinstance(b, Map):
        if a.nil != b.nil or len(a.items) != len(b.items):
            return False
        return a.items is b.items or all(
            key in b.items and deep_equal(value, b.items[key], budget) for key, value in a.items.items()
        )
    if isinstance(a, str):
        budget.charge(len(a) >> 6)
        return a == b
    if isinstance(a, (int, float, complex)):
        return bool(a == b)
    return all(deep_equal(x, y, budget) for x, y in zip(field_values(a), field_values(b), strict=True))

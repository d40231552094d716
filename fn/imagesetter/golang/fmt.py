"""Prints Go values as package fmt of Go 1.26 does: what ``print`` and ``println`` write, and each verb of ``printf``.

Mistakes are printed, never raised: ``%!d(string=x)``.

Departure: ``%p`` prints 0xc000000000 for whatever has an address, since a message must not depend on addresses.
"""

from __future__ import annotations

from typing import Final

from imagesetter.golang.budget import MAX_TEXT, Budget
from imagesetter.golang.errors import LimitReached
from imagesetter.golang.fmt_flags import Flags, Padded
from imagesetter.golang.strings import to_valid_utf8
from imagesetter.golang.values import (
    Boxed,
    Map,
    Sized,
    Slice,
    Type,
    field_values,
    kind_of,
    type_name,
    type_of,
)

_ADDRESS: Final = 0xC000000000
_STRING_VERBS: Final = "vsxXq"


def sprint(budget: Budget, *args: object) -> str:
    """Go's ``fmt.Sprint``: a blank between two operands when neither is a string."""
    printer = Printer(budget)
    previous_is_string = True
    for arg in args:
        is_string = kind_of(arg) == "string"
        if not (is_string or previous_is_string):
            printer.write(" ")
        printer.argument(arg, "v")
        previous_is_string = is_string
    return printer.text()


def sprintln(budget: Budget, *args: object) -> str:
    """Go's ``fmt.Sprintln``: blanks between all operands, a newline at the end."""
    printer = Printer(budget)
    for index, arg in enumerate(args):
        if index:
            printer.write(" ")
        printer.argument(arg, "v")
    printer.write("\n")
    return printer.text()


class Printer:
    """Writes values with the flags of one directive; ends in `LimitReached` when a text grows too large."""

    def __init__(self, budget: Budget) -> None:
        self.flags = Flags()
        self._budget = budget
        self._pieces: list[str] = []
        self._length = 0
        self._erroring = False

    def write(self, text: str) -> None:
        """Append text as it is."""
        self._length += len(text)
        if self._length > MAX_TEXT:
            raise LimitReached(f"the template makes a text larger than {MAX_TEXT:,} bytes")
        self._pieces.append(text)

    def text(self) -> str:
        """What was written."""
        return "".join(self._pieces)

    def argument(self, arg: object, verb: str) -> None:
        """Write an operand of print or printf."""
        if arg is None:
            if verb in "Tv":
                self.write(self.flags.pad("<nil>"))
            else:
                self.bad_verb(verb, None)
        elif verb == "T":
            self.write(Padded(self.flags).string(type_name(arg)))
        elif verb == "p":
            self._pointer(arg)
        else:
            self._value(arg, verb, 0)

    def _value(self, value: object, verb: str, depth: int, *, hidden: bool = False) -> None:
        """Write a value; *depth* counts what is around it, *hidden* is an unexported field, without its methods."""
        self._budget.step()
        if isinstance(value, Boxed):
            value = value.value
        if value is None:
            self.write("interface {}(nil)" if self.flags.sharp_v else "<nil>")
            return
        if not hidden and self._by_method(value, verb):
            return
        if isinstance(value, str):
            self._string(value, verb)
        elif isinstance(value, bool):
            self.write(self.flags.pad("true" if value else "false")) if verb in "tv" else self.bad_verb(verb, value)
        elif isinstance(value, int):
            self._integer(value, verb)
        elif isinstance(value, float):
            self._float(value, verb)
        elif isinstance(value, complex):
            self._complex(value, verb)
        elif isinstance(value, Slice):
            self._slice(value, verb, depth)
        elif isinstance(value, Map):
            self._map(value, verb, depth)
        else:
            self._struct(value, verb, depth, hidden=hidden)

    def _by_method(self, value: object, verb: str) -> bool:
        """Use the value's ``String()`` where the verb takes a string."""
        if self._erroring or isinstance(value, (str, Slice, Map)):
            return False
        attribute = type_of(value).string
        if not attribute or self.flags.sharp_v or verb not in _STRING_VERBS:
            return False
        self._string(str(getattr(value, attribute)), verb)
        return True

    def bad_verb(self, verb: str, value: object) -> None:
        """Write that the value has no such verb."""
        self._erroring = True
        self.write(f"%!{to_valid_utf8(verb)}(")
        if value is None:
            self.write("<nil>")
        else:
            self.write(f"{type_name(value)}=")
            self._value(value, "v", 0)
        self.write(")")
        self._erroring = False

    def _string(self, value: str, verb: str) -> None:
        padded = Padded(self.flags)
        if verb == "q" or (verb == "v" and self.flags.sharp_v):
            self.write(padded.quoted(value))
        elif verb in "sv":
            self.write(padded.string(value))
        elif verb in "xX":
            self.write(padded.hexadecimal(value, verb))
        else:
            self.bad_verb(verb, value)

    def _integer(self, value: int, verb: str) -> None:
        signed = not (isinstance(value, Sized) and type_of(value).name.startswith("uint"))
        text = Padded(self.flags).integer(int(value), verb, signed=signed)
        self.write(text) if text is not None else self.bad_verb(verb, value)

    def _float(self, value: float, verb: str) -> None:
        text = Padded(self.flags).real(value, verb)
        self.write(text) if text is not None else self.bad_verb(verb, value)

    def _complex(self, value: complex, verb: str) -> None:
        if verb not in "vbgGxXfFeE":
            self.bad_verb(verb, value)
            return
        plus = self.flags.plus
        self.write("(")
        self._float(value.real, verb)
        self.flags.plus = True
        self._float(value.imag, verb)
        self.write("i)")
        self.flags.plus = plus

    def _slice(self, value: Slice, verb: str, depth: int) -> None:
        if self.flags.sharp_v:
            self.write(value.go_type.name)
            if value.nil:
                self.write("(nil)")
                return
        opening, between, closing = ("{", ", ", "}") if self.flags.sharp_v else ("[", " ", "]")
        self.write(opening)
        for index, item in enumerate(value.items):
            if index:
                self.write(between)
            self._value(item, verb, depth + 1)
        self.write(closing)

    def _map(self, value: Map, verb: str, depth: int) -> None:
        if self.flags.sharp_v:
            self.write(value.go_type.name)
            if value.nil:
                self.write("(nil)")
                return
        opening, between, closing = ("{", ", ", "}") if self.flags.sharp_v else ("map[", " ", "]")
        self.write(opening)
        for index, (key, item) in enumerate(value.sorted()):
            if index:
                self.write(between)
            self._value(key, verb, depth + 1)
            self.write(":")
            self._value(item, verb, depth + 1)
        self.write(closing)

    def _struct(self, value: object, verb: str, depth: int, *, hidden: bool) -> None:
        """A struct, or a pointer to one: ``&{…}`` at the top, an address inside."""
        struct: Type = type_of(value)
        if struct.kind == "ptr":
            if depth:
                self._pointer(value, verb)
                return
            self.write("&")
        if self.flags.sharp_v:
            self.write(struct.name.lstrip("*"))
        self.write("{")
        for index, (field, item) in enumerate(zip(struct.fields, field_values(value), strict=True)):
            if index:
                self.write(", " if self.flags.sharp_v else " ")
            if self.flags.plus_v or self.flags.sharp_v:
                self.write(f"{field.name}:")
            self._value(item, verb, depth + 1, hidden=hidden or not field.exported)
        self.write("}")

    def _pointer(self, value: object, verb: str = "p") -> None:
        if kind_of(value) not in ("slice", "map", "ptr"):
            self.bad_verb(verb, value)
            return
        sharp, self.flags.sharp = self.flags.sharp, not self.flags.sharp
        self.write(Padded(self.flags).integer(_ADDRESS, "x", signed=False) or "")
        self.flags.sharp = sharp

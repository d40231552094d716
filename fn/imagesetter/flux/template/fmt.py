"""Prints Go values as package fmt of Go 1.26 does: ``print``, ``println``, ``printf``.

::

    directive = "%" { "#" | "0" | "+" | "-" | " " } [ index ] [ number | "*" ] [ "." [ index ] [ number | "*" ] ]
                [ index ] verb
    index     = "[" number "]"                                       counted from one
    verb      = "v" | "T" | "t" | "d" | "b" | "o" | "O" | "x" | "X" | "c" | "q" | "U"
              | "e" | "E" | "f" | "F" | "g" | "G" | "s" | "p" | "%"

Mistakes are printed, never raised: ``%!d(string=x)``, ``%!d(MISSING)``, ``%!(EXTRA int=1)``.

Departure: ``%p`` prints 0xc000000000 for whatever has an address, since a message must not depend on addresses.
"""

from __future__ import annotations

from typing import Final

from imagesetter.flux.template.faults import MAX_TEXT, Budget, LimitReached
from imagesetter.flux.template.formats import Flags, Padded
from imagesetter.flux.template.gostrings import mend
from imagesetter.flux.template.values import (
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
_TOO_LARGE: Final = 1_000_000
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


def sprintf(budget: Budget, form: str, *args: object) -> str:
    """Go's ``fmt.Sprintf``."""
    printer = Printer(budget)
    _Format(printer, form, args).run()
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
                self._bad_verb(verb, None)
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
            self.write(self.flags.pad("true" if value else "false")) if verb in "tv" else self._bad_verb(verb, value)
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

    def _bad_verb(self, verb: str, value: object) -> None:
        self._erroring = True
        self.write(f"%!{mend(verb)}(")
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
            self._bad_verb(verb, value)

    def _integer(self, value: int, verb: str) -> None:
        signed = not (isinstance(value, Sized) and type_of(value).name.startswith("uint"))
        text = Padded(self.flags).integer(int(value), verb, signed=signed)
        self.write(text) if text is not None else self._bad_verb(verb, value)

    def _float(self, value: float, verb: str) -> None:
        text = Padded(self.flags).real(value, verb)
        self.write(text) if text is not None else self._bad_verb(verb, value)

    def _complex(self, value: complex, verb: str) -> None:
        if verb not in "vbgGxXfFeE":
            self._bad_verb(verb, value)
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
            self._bad_verb(verb, value)
            return
        sharp, self.flags.sharp = self.flags.sharp, not self.flags.sharp
        self.write(Padded(self.flags).integer(_ADDRESS, "x", signed=False) or "")
        self.flags.sharp = sharp


class _Format:
    """One run over a format string."""

    def __init__(self, printer: Printer, form: str, args: tuple[object, ...]) -> None:
        self._printer = printer
        self._form = form
        self._args = args
        self._at = 0
        self._argument = 0
        self._reordered = False
        self._good_index = True

    def run(self) -> None:
        while self._at < len(self._form):
            percent = self._form.find("%", self._at)
            end = len(self._form) if percent < 0 else percent
            self._printer.write(self._form[self._at : end])
            self._at = end
            if percent >= 0:
                self._at += 1
                self._directive()
        if not self._reordered and self._argument < len(self._args):
            self._extra()

    def _directive(self) -> None:
        flags = self._printer.flags = Flags()
        self._good_index = True
        while self._peek() in "#0+- " and self._peek():
            flags.set(self._take())
        after_index = self._index(after_index=False)
        if self._peek() == "*":
            self._at += 1
            width = self._star()
            if width is None:
                self._printer.write("%!(BADWIDTH)")
            else:
                flags.set_width(width)
            after_index = False
        else:
            flags.width = self._number()
            if after_index and flags.width is not None:
                self._good_index = False
        if self._peek() == "." and self._at + 1 < len(self._form):
            after_index = self._precision(flags, after_index=after_index)
        if not after_index:
            self._index(after_index=False)
        if self._at >= len(self._form):
            self._printer.write("%!(NOVERB)")
            return
        self._verb(self._take())

    def _precision(self, flags: Flags, *, after_index: bool) -> bool:
        self._at += 1
        if after_index:
            self._good_index = False
        after_index = self._index(after_index=False)
        if self._peek() != "*":
            flags.precision = self._number() or 0
            return after_index
        self._at += 1
        precision = self._star()
        if precision is None or precision < 0:
            self._printer.write("%!(BADPREC)")
        else:
            flags.precision = precision
        return False

    def _verb(self, verb: str) -> None:
        printer = self._printer
        if verb == "%":
            printer.write("%")
        elif not self._good_index:
            printer.write(f"%!{mend(verb)}(BADINDEX)")
        elif self._argument >= len(self._args):
            printer.write(f"%!{mend(verb)}(MISSING)")
        else:
            if verb in "vw":
                printer.flags.go_syntax()
            if verb == "w":
                printer._bad_verb(verb, self._args[self._argument])
            else:
                printer.argument(self._args[self._argument], verb)
            self._argument += 1

    def _extra(self) -> None:
        printer = self._printer
        printer.flags = Flags()
        printer.write("%!(EXTRA ")
        for index, arg in enumerate(self._args[self._argument :]):
            if index:
                printer.write(", ")
            if arg is not None:
                printer.write(f"{type_name(arg)}=")
            printer.argument(arg, "v")
        printer.write(")")

    def _peek(self) -> str:
        return self._form[self._at : self._at + 1]

    def _take(self) -> str:
        self._at += 1
        return self._form[self._at - 1]

    def _number(self) -> int | None:
        """Digits; a number beyond a million swallows the rest of the format, as in Go."""
        number: int | None = None
        while "0" <= self._peek() <= "9":
            if number is not None and number > _TOO_LARGE:
                self._at = len(self._form)
                return None
            number = (number or 0) * 10 + int(self._take())
        return number

    def _star(self) -> int | None:
        """A width or precision taken from the operands; None when it is no integer or too large."""
        if self._argument >= len(self._args):
            return None
        value = self._args[self._argument]
        self._argument += 1
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _TOO_LARGE:
            return None
        return int(value)

    def _index(self, *, after_index: bool) -> bool:
        """``[n]``: whether there was one."""
        if self._peek() != "[":
            return after_index
        self._reordered = True
        closing = self._form.find("]", self._at + 1)
        if len(self._form) - self._at < 3 or closing < 0:
            self._at += 1
            self._good_index = False
            return False
        digits = self._form[self._at + 1 : closing]
        self._at = closing + 1
        number = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 7 else 0
        parsed = digits.isascii() and digits.isdecimal() and len(digits) <= 7
        if parsed and 1 <= number <= len(self._args):
            self._argument = number - 1
            return True
        self._good_index = False
        return parsed

"""``printf``: Go's format strings (package fmt, print.go of Go 1.26).

::

    format    = { text | directive }
    directive = "%" { "#" | "0" | "+" | "-" | " " } [ index ] [ number | "*" ] [ "." [ index ] [ number | "*" ] ]
                [ index ] verb
    index     = "[" number "]"                                       counted from one
    verb      = "v" | "T" | "t" | "d" | "b" | "o" | "O" | "x" | "X" | "c" | "q" | "U"
              | "e" | "E" | "f" | "F" | "g" | "G" | "s" | "p" | "%"

Mistakes are printed, never raised: ``%!d(MISSING)``, ``%!(EXTRA int=1)``, ``%!(NOVERB)``, ``%!d(BADINDEX)``.
"""

from __future__ import annotations

from typing import Final

from imagesetter.golang.budget import MAX_TEXT, Budget
from imagesetter.golang.errors import LimitReached
from imagesetter.golang.fmt import Printer
from imagesetter.golang.fmt_flags import Flags
from imagesetter.golang.strings import to_valid_utf8
from imagesetter.golang.values import type_name

_TOO_LARGE: Final = 1_000_000


def sprintf(budget: Budget, form: str, *args: object) -> str:
    """Go's ``fmt.Sprintf``."""
    printer = Printer(budget)
    _Format(printer, form, args).run()
    return printer.text()


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
        after_index = self._index()
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
            self._index()
        if max(flags.width or 0, flags.precision or 0) > MAX_TEXT:
            raise LimitReached(f"printf: a width or precision above {MAX_TEXT:,}")
        if self._at >= len(self._form):
            self._printer.write("%!(NOVERB)")
            return
        self._verb(self._take())

    def _precision(self, flags: Flags, *, after_index: bool) -> bool:
        self._at += 1
        if after_index:
            self._good_index = False
        after_index = self._index()
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
            printer.write(f"%!{to_valid_utf8(verb)}(BADINDEX)")
        elif self._argument >= len(self._args):
            printer.write(f"%!{to_valid_utf8(verb)}(MISSING)")
        else:
            if verb in "vw":
                printer.flags.go_syntax()
            if verb == "w":
                printer.bad_verb(verb, self._args[self._argument])
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
        """A width or precision taken from the operands; None when it is not an integer or too large."""
        if self._argument >= len(self._args):
            return None
        value = self._args[self._argument]
        self._argument += 1
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _TOO_LARGE:
            return None
        return int(value)

    def _index(self) -> bool:
        """``[n]``: whether there was one."""
        if self._peek() != "[":
            return False
        self._reordered = True
        closing = self._form.find("]", self._at + 1)
        if len(self._form) - self._at < 3 or closing < 0:
            self._at += 1
            self._good_index = False
            return False
        digits = self._form[self._at + 1 : closing]
        self._at = closing + 1
        parsed = digits.isascii() and digits.isdecimal() and len(digits) <= 7
        if parsed and 1 <= int(digits) <= len(self._args):
            self._argument = int(digits) - 1
            return True
        self._good_index = False
        return parsed

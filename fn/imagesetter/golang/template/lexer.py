"""Cuts a template into tokens (text/template/parse, lex.go of Go 1.26).

::

    template   = { text | "{{" [ "- " ] action [ " -" ] "}}" | "{{" [ "- " ] "/*" … "*/" [ " -" ] "}}" }
    action     = { blank | "=" | ":=" | "|" | "(" | ")" | "," | literal | name | field | variable }
    literal    = number | "'" rune "'" | '"' … '"' | "`" … "`" | "true" | "false" | "nil"
    name       = letter { letter | digit }
    keyword    = "block" | "break" | "continue" | "define" | "else" | "end" | "if" | "range" | "template" | "with"
    field      = "." name
    variable   = "$" [ name ]
    blank      = " " | "\\t" | "\\r" | "\\n"

``- `` after the opening and `` -`` before the closing braces trim the text on that side. Letters and digits are
Unicode's, and ``_`` is a letter.
"""

from typing import Final, NamedTuple

from imagesetter.golang.strings import name_of, quote


class Kind:
    """What a token is."""

    ERROR: Final = "error"
    BOOL: Final = "bool"
    CHAR: Final = "char"
    CHAR_CONSTANT: Final = "char constant"
    COMPLEX: Final = "complex"
    ASSIGN: Final = "="
    DECLARE: Final = ":="
    EOF: Final = "EOF"
    FIELD: Final = "field"
    IDENTIFIER: Final = "identifier"
    LEFT_DELIM: Final = "{{"
    LEFT_PAREN: Final = "("
    NUMBER: Final = "number"
    PIPE: Final = "|"
    RAW_STRING: Final = "raw string"
    RIGHT_DELIM: Final = "}}"
    RIGHT_PAREN: Final = ")"
    SPACE: Final = "space"
    STRING: Final = "string"
    TEXT: Final = "text"
    VARIABLE: Final = "variable"
    DOT: Final = "."
    BLOCK: Final = "block"
    BREAK: Final = "break"
    CONTINUE: Final = "continue"
    DEFINE: Final = "define"
    ELSE: Final = "else"
    END: Final = "end"
    IF: Final = "if"
    NIL: Final = "nil"
    RANGE: Final = "range"
    TEMPLATE: Final = "template"
    WITH: Final = "with"


KEYWORDS: Final = frozenset(
    ("block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with")
)
_BLANKS: Final = " \t\r\n"
_SIMPLE: Final = {"=": Kind.ASSIGN, "|": Kind.PIPE}
_DIGITS: Final = "0123456789_"
_BASES: Final = {"x": "0123456789abcdefABCDEF_", "o": "01234567_", "b": "01_"}


class Token(NamedTuple):
    """A piece of the template: kind, offset in code points, text (or the error's), line."""

    kind: str
    position: int
    text: str
    line: int

    def __str__(self) -> str:
        if self.kind == Kind.EOF:
            return "EOF"
        if self.kind == Kind.ERROR:
            return self.text
        if self.kind in KEYWORDS or self.kind == Kind.DOT:
            return f"<{self.text}>"
        if len(self.text) > 10:
            return quote(self.text[:10]) + "..."
        return quote(self.text)


class _BadToken(Exception):
    """The lexer cannot go on; the message becomes the last token."""


def is_alphanumeric(char: str) -> bool:
    """Whether the character may be part of a name."""
    return char == "_" or char.isalpha() or char.isdecimal()


class Lexer:
    """Hands out one token after the other; after an error, and at the end, only ``EOF``."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._position = 0
        self._start = 0
        self._line = 1
        self._start_line = 1
        self._parens = 0
        self._inside = False

    def next_token(self) -> Token:
        """The next token."""
        try:
            return self._in_action() if self._inside else self._in_text()
        except _BadToken as bad:
            token = Token(Kind.ERROR, self._start, str(bad), self._start_line)
            self._source = ""
            self._position = self._start = 0
            self._inside = False
            return token

    def _peek(self) -> str:
        """The next character, or nothing at the end."""
        return self._source[self._position : self._position + 1]

    def _next(self) -> str:
        char = self._peek()
        self._position += len(char)
        return char

    def _emit(self, kind: str) -> Token:
        text = self._source[self._start : self._position]
        token = Token(kind, self._start, text, self._start_line)
        self._skip()
        return token

    def _skip(self) -> None:
        """Go on behind what was read, keeping count of lines."""
        self._line += self._source.count("\n", self._start, self._position)
        self._start = self._position
        self._start_line = self._line

    def _in_text(self) -> Token:
        """Text up to ``{{``, or the ``{{``; comments vanish here."""
        source = self._source
        while True:
            opening = source.find("{{", self._position)
            if opening < 0:
                self._position = len(source)
                return self._emit(Kind.TEXT if self._position > self._start else Kind.EOF)
            trims = self._trims_left(opening + 2)
            if opening > self._position:
                end = opening
                while trims and end > self._start and source[end - 1] in _BLANKS:
                    end -= 1
                self._position = end
                token = self._emit(Kind.TEXT)
                self._position = opening
                self._skip()
                if token.text:
                    return token
            if not source.startswith("/*", opening + (4 if trims else 2)):
                break
            self._position = opening + (4 if trims else 2)
            self._skip()
            self._comment()
        self._position = opening + 2
        token = self._emit(Kind.LEFT_DELIM)
        self._position += 2 if trims else 0
        self._skip()
        self._inside = True
        self._parens = 0
        return token

    def _trims_left(self, position: int) -> bool:
        after = self._source[position : position + 2]
        return len(after) == 2 and after[0] == "-" and after[1] in _BLANKS

    def _comment(self) -> None:
        end = self._source.find("*/", self._position + 2)
        if end < 0:
            raise _BadToken("unclosed comment")
        self._position = end + 2
        closing = self._closing()
        if not closing:
            raise _BadToken("comment ends before closing delimiter")
        self._position += closing
        if closing == 4:
            self._skip_blanks()
        self._skip()

    def _closing(self) -> int:
        """The length of the closing braces here, trim marker included; 0 when there are none."""
        source, position = self._source, self._position
        if source.startswith("}}", position):
            return 2
        blank = source[position : position + 1]
        return 4 if blank and blank in _BLANKS and source.startswith("-}}", position + 1) else 0

    def _skip_blanks(self) -> None:
        while self._position < len(self._source) and self._source[self._position] in _BLANKS:
            self._position += 1

    def _in_action(self) -> Token:
        """One token between the braces."""
        closing = self._closing()
        if closing:
            if self._parens:
                raise _BadToken("unclosed left paren")
            return self._right_delim(closing)
        char = self._next()
        if not char:
            raise _BadToken("unclosed action")
        if char in _BLANKS:
            return self._blanks()
        if char in _SIMPLE:
            return self._emit(_SIMPLE[char])
        if char == ":":
            if self._next() != "=":
                raise _BadToken("expected :=")
            return self._emit(Kind.DECLARE)
        if char in "\"'":
            return self._quoted(char)
        if char == "`":
            return self._raw()
        if char == "$":
            return self._named(Kind.VARIABLE, Kind.VARIABLE)
        if char == "." and self._peek() and not "0" <= self._peek() <= "9":
            return self._named(Kind.FIELD, Kind.DOT)
        if char in "+-." or "0" <= char <= "9":
            self._position -= 1
            return self._number()
        if is_alphanumeric(char):
            return self._identifier()
        return self._punctuation(char)

    def _punctuation(self, char: str) -> Token:
        if char == "(":
            self._parens += 1
            return self._emit(Kind.LEFT_PAREN)
        if char == ")":
            self._parens -= 1
            if self._parens < 0:
                raise _BadToken("unexpected right paren")
            return self._emit(Kind.RIGHT_PAREN)
        if " " <= char <= "~":
            return self._emit(Kind.CHAR)
        raise _BadToken(f"unrecognized character in action: {name_of(char)}")

    def _right_delim(self, closing: int) -> Token:
        if closing == 4:
            self._position += 2
            self._skip()
        self._position += 2
        token = self._emit(Kind.RIGHT_DELIM)
        if closing == 4:
            self._skip_blanks()
            self._skip()
        self._inside = False
        return token

    def _blanks(self) -> Token:
        """A run of blanks; the last one may belong to `` -}}``."""
        self._skip_blanks()
        if self._source.startswith("-}}", self._position):
            self._position -= 1
            if self._position == self._start:
                return self._right_delim(4)
        return self._emit(Kind.SPACE)

    def _identifier(self) -> Token:
        self._letters()
        word = self._source[self._start : self._position]
        self._check_terminator()
        if word in ("true", "false"):
            return self._emit(Kind.BOOL)
        return self._emit(word if word in KEYWORDS else Kind.IDENTIFIER)

    def _named(self, kind: str, bare: str) -> Token:
        """``.name`` or ``$name``, or the sign alone; the sign has been read."""
        if self._at_terminator():
            return self._emit(bare)
        self._letters()
        self._check_terminator()
        return self._emit(kind)

    def _letters(self) -> None:
        while is_alphanumeric(self._peek()):
            self._position += 1

    def _at_terminator(self) -> bool:
        char = self._peek()
        return not char or char in _BLANKS + ".,|:)(" or self._source.startswith("}}", self._position)

    def _check_terminator(self) -> None:
        if not self._at_terminator():
            raise _BadToken(f"bad character {name_of(self._peek())}")

    def _quoted(self, delimiter: str) -> Token:
        """A string or character constant; whether its escapes are good is for the parser."""
        what = "quoted string" if delimiter == '"' else "character constant"
        while (char := self._next()) != delimiter:
            if char == "\\":
                char = self._next()
            if char in ("", "\n"):
                raise _BadToken(f"unterminated {what}")
        return self._emit(Kind.STRING if delimiter == '"' else Kind.CHAR_CONSTANT)

    def _raw(self) -> Token:
        end = self._source.find("`", self._position)
        if end < 0:
            raise _BadToken("unterminated raw quoted string")
        self._position = end + 1
        return self._emit(Kind.RAW_STRING)

    def _number(self) -> Token:
        """A number as far as its characters go; whether it is one is for the parser."""
        good = self._scan_number()
        if good and self._peek() in ("+", "-"):
            if not self._scan_number() or self._source[self._position - 1] != "i":
                good = False
            else:
                return self._emit(Kind.COMPLEX)
        if not good:
            raise _BadToken(f"bad number syntax: {quote(self._source[self._start : self._position])}")
        return self._emit(Kind.NUMBER)

    def _scan_number(self) -> bool:
        self._accept("+-")
        digits = _DIGITS
        if self._accept("0"):
            base = self._peek().lower()
            if base in _BASES:
                self._position += 1
                digits = _BASES[base]
        self._run(digits)
        if self._accept("."):
            self._run(digits)
        exponent = {_DIGITS: "eE", _BASES["x"]: "pP"}.get(digits, "")
        if self._accept(exponent):
            self._accept("+-")
            self._run(_DIGITS)
        self._accept("i")
        if is_alphanumeric(self._peek()):
            self._position += 1
            return False
        return True

    def _accept(self, chars: str) -> bool:
        char = self._peek()
        if char and char in chars:
            self._position += 1
            return True
        return False

    def _run(self, chars: str) -> None:
        while self._accept(chars):
            pass

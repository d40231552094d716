"""Numeric constants of a template (text/template/parse, node.go of Go 1.26)."""

from __future__ import annotations

from imagesetter.golang.errors import NotANumber, OutOfRange
from imagesetter.golang.strconv import parse_float, parse_int, parse_uint, unquote_char
from imagesetter.golang.strings import quote
from imagesetter.golang.template.lexer import Kind, Token
from imagesetter.golang.template.nodes import NumberNode


def number_node(token: Token) -> NumberNode:
    """A numeric constant in every type that can hold it; ``1.0`` is an integer too, ``1e400`` is nothing.

    Raises:
        ValueError: with Go's message.
    """
    text = token.text
    node = NumberNode(token.position, text)
    if token.kind == Kind.CHAR_CONSTANT:
        code = unquote_char(text)
        node.integer, node.unsigned, node.real = code, code, float(code)
        return node
    if token.kind == Kind.COMPLEX or text.endswith("i"):
        sign = max(text.rfind("+"), text.rfind("-"))
        if sign > 0 and text[sign - 1] in "eEpP":
            sign = max(text.rfind("+", 0, sign), text.rfind("-", 0, sign))
        split = sign if token.kind == Kind.COMPLEX else 0
        try:
            node.complex = complex(parse_float(text[:split]) if split else 0.0, parse_float(text[split:-1]))
        except (NotANumber, OutOfRange) as err:
            bad = "syntax error scanning complex number" if split else f"illegal number syntax: {quote(text)}"
            raise ValueError(bad) from err
        if node.complex.imag == 0:
            node.real = node.complex.real
            _integers_of(node)
        return node
    for attribute, read in (("unsigned", parse_uint), ("integer", parse_int)):
        try:
            setattr(node, attribute, read(text, 0))
        except (NotANumber, OutOfRange):
            continue
    if node.integer == 0:
        node.unsigned = 0
    whole = node.integer if node.integer is not None else node.unsigned
    if whole is not None:
        node.real = float(whole)
        return node
    try:
        node.real = parse_float(text)
    except (NotANumber, OutOfRange) as err:
        raise ValueError(f"illegal number syntax: {quote(text)}") from err
    if not set(text) & set(".eEpP"):
        raise ValueError(f"integer overflow: {quote(text)}")
    _integers_of(node)
    return node


def _integers_of(node: NumberNode) -> None:
    """A float without a fraction is an integer as well, as far as 64 bits hold it."""
    if node.real is not None and node.real.is_integer():
        whole = int(node.real)
        if -(1 << 63) <= whole < 1 << 63:
            node.integer = whole
        if 0 <= whole < 1 << 64:
            node.unsigned = whole

"""The tree of a parsed template (text/template/parse, node.go of Go 1.26).

``str(node)`` is the node in Go's own spelling: error messages quote it (``at <.Changed.Nope>``). *position* is the
offset in code points at which Go says the node is, which is not always where it begins.

Plain classes, since two dozen dataclasses take longer to make than a message takes to render.
"""

from __future__ import annotations

from imagesetter.golang.strings import SPACES, quote


class ParseNode:
    """A piece of the template."""

    __slots__ = ("position",)

    def __init__(self, position: int) -> None:
        self.position = position


class ListNode(ParseNode):
    """``{ text | action }``: what is between two control actions."""

    __slots__ = ("nodes",)

    def __init__(self, position: int, nodes: list[ParseNode] | None = None) -> None:
        super().__init__(position)
        self.nodes: list[ParseNode] = nodes or []


class TextNode(ParseNode):
    """Text outside of actions."""

    __slots__ = ("text",)

    def __init__(self, position: int, text: str) -> None:
        super().__init__(position)
        self.text = text


class VariableNode(ParseNode):
    """``$x`` or ``$x.Field``: the name with its ``$``, then the fields."""

    __slots__ = ("names",)

    def __init__(self, position: int, names: list[str]) -> None:
        super().__init__(position)
        self.names = names

    def __str__(self) -> str:
        return ".".join(self.names)


class CommandNode(ParseNode):
    """``operand { operand }``: a value, or a function with its arguments."""

    __slots__ = ("args",)

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.args: list[ParseNode] = []

    def __str__(self) -> str:
        return " ".join(_in_parens(arg) for arg in self.args)


class PipeNode(ParseNode):
    """``[ variables ( ":=" | "=" ) ] command { "|" command }``."""

    __slots__ = ("assigns", "commands", "variables")

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.assigns = False
        self.variables: list[VariableNode] = []
        self.commands: list[CommandNode] = []

    def __str__(self) -> str:
        commands = " | ".join(map(str, self.commands))
        if not self.variables:
            return commands
        return f"{', '.join(map(str, self.variables))} {'=' if self.assigns else ':='} {commands}"


class ActionNode(ParseNode):
    """``{{ pipeline }}``: prints the value unless it declares or assigns variables."""

    __slots__ = ("pipe",)

    def __init__(self, position: int, pipe: PipeNode) -> None:
        super().__init__(position)
        self.pipe = pipe

    def __str__(self) -> str:
        return f"{{{{{self.pipe}}}}}"


class IdentifierNode(ParseNode):
    """The name of a function."""

    __slots__ = ("name",)

    def __init__(self, position: int, name: str) -> None:
        super().__init__(position)
        self.name = name

    def __str__(self) -> str:
        return self.name


class FieldNode(ParseNode):
    """``.A.B``: fields, methods or map keys, starting from dot."""

    __slots__ = ("names",)

    def __init__(self, position: int, names: list[str]) -> None:
        super().__init__(position)
        self.names = names

    def __str__(self) -> str:
        return "".join(f".{name}" for name in self.names)


class ChainNode(ParseNode):
    """``(pipeline).A.B`` or ``function.A``: fields of something that is no field itself."""

    __slots__ = ("names", "node")

    def __init__(self, position: int, node: ParseNode, names: list[str]) -> None:
        super().__init__(position)
        self.node = node
        self.names = names

    def __str__(self) -> str:
        return _in_parens(self.node) + "".join(f".{name}" for name in self.names)


class DotNode(ParseNode):
    """``.``, the cursor."""

    __slots__ = ()

    def __str__(self) -> str:
        return "."


class NilNode(ParseNode):
    """``nil``, which is an argument and never a command."""

    __slots__ = ()

    def __str__(self) -> str:
        return "nil"


class BoolNode(ParseNode):
    """``true`` or ``false``."""

    __slots__ = ("value",)

    def __init__(self, position: int, value: bool) -> None:
        super().__init__(position)
        self.value = value

    def __str__(self) -> str:
        return "true" if self.value else "false"


class NumberNode(ParseNode):
    """A number, in every type that can hold it; its spelling decides where nothing else does."""

    __slots__ = ("complex", "integer", "real", "text", "unsigned")

    def __init__(self, position: int, text: str) -> None:
        super().__init__(position)
        self.text = text
        self.integer: int | None = None
        self.unsigned: int | None = None
        self.real: float | None = None
        self.complex: complex | None = None

    def __str__(self) -> str:
        return self.text


class StringNode(ParseNode):
    """A string constant as written, and its value."""

    __slots__ = ("quoted", "text")

    def __init__(self, position: int, quoted: str, text: str) -> None:
        super().__init__(position)
        self.quoted = quoted
        self.text = text

    def __str__(self) -> str:
        return self.quoted


class BranchNode(ParseNode):
    """``{{if}}``, ``{{with}}`` or ``{{range}}`` with its two lists."""

    __slots__ = ("body", "keyword", "otherwise", "pipe")

    def __init__(self, position: int, keyword: str, pipe: PipeNode, body: ListNode, otherwise: ListNode | None) -> None:
        super().__init__(position)
        self.keyword = keyword
        self.pipe = pipe
        self.body = body
        self.otherwise = otherwise


class TemplateNode(ParseNode):
    """``{{template "name" pipeline}}``, and what is left of a ``{{block}}``."""

    __slots__ = ("name", "pipe")

    def __init__(self, position: int, name: str, pipe: PipeNode | None = None) -> None:
        super().__init__(position)
        self.name = name
        self.pipe = pipe

    def __str__(self) -> str:
        pipe = "" if self.pipe is None else f" {self.pipe}"
        return f"{{{{template {quote(self.name)}{pipe}}}}}"


class BreakNode(ParseNode):
    """``{{break}}``."""

    __slots__ = ()


class ContinueNode(ParseNode):
    """``{{continue}}``."""

    __slots__ = ()


class EndNode(ParseNode):
    """``{{end}}``; seen by the parser only."""

    __slots__ = ()

    def __str__(self) -> str:
        return "{{end}}"


class ElseNode(ParseNode):
    """``{{else}}``; seen by the parser only."""

    __slots__ = ()

    def __str__(self) -> str:
        return "{{else}}"


def _in_parens(node: ParseNode) -> str:
    return f"({node})" if isinstance(node, PipeNode) else str(node)


def is_empty(node: ParseNode) -> bool:
    """Whether a template made of this would print blanks only; such a definition does not replace another one."""
    if isinstance(node, ListNode):
        return all(map(is_empty, node.nodes))
    return isinstance(node, TextNode) and not node.text.strip(SPACES)

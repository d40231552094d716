"""The tree of a parsed template (text/template/parse, node.go of Go 1.26).

``str(node)`` is the node in Go's own spelling: error messages quote it (``at <.Changed.Nope>``). *position* is the
offset in code points at which Go says the node is, which is not always where it begins.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from imagesetter.flux.template.gostrings import quote


@dataclass(slots=True)
class Node:
    """A piece of the template."""

    position: int


@dataclass(slots=True)
class ListNode(Node):
    """``{ text | action }``: what stands between two control actions."""

    nodes: list[Node] = field(default_factory=list)

    def __str__(self) -> str:
        return "".join(map(str, self.nodes))


@dataclass(slots=True)
class TextNode(Node):
    """Text outside of actions."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(slots=True)
class VariableNode(Node):
    """``$x`` or ``$x.Field``: the name with its ``$``, then the fields."""

    names: list[str]

    def __str__(self) -> str:
        return ".".join(self.names)


@dataclass(slots=True)
class CommandNode(Node):
    """``operand { operand }``: a value, or a function with its arguments."""

    args: list[Node] = field(default_factory=list)

    def __str__(self) -> str:
        return " ".join(_in_parens(arg) for arg in self.args)


@dataclass(slots=True)
class PipeNode(Node):
    """``[ variables ( ":=" | "=" ) ] command { "|" command }``."""

    assigns: bool = False
    variables: list[VariableNode] = field(default_factory=list)
    commands: list[CommandNode] = field(default_factory=list)

    def __str__(self) -> str:
        commands = " | ".join(map(str, self.commands))
        if not self.variables:
            return commands
        return f"{', '.join(map(str, self.variables))} {'=' if self.assigns else ':='} {commands}"


@dataclass(slots=True)
class ActionNode(Node):
    """``{{ pipeline }}``: prints the value unless it declares or assigns variables."""

    pipe: PipeNode

    def __str__(self) -> str:
        return f"{{{{{self.pipe}}}}}"


@dataclass(slots=True)
class IdentifierNode(Node):
    """The name of a function."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(slots=True)
class FieldNode(Node):
    """``.A.B``: fields, methods or map keys, starting from dot."""

    names: list[str]

    def __str__(self) -> str:
        return "".join(f".{name}" for name in self.names)


@dataclass(slots=True)
class ChainNode(Node):
    """``(pipeline).A.B`` or ``function.A``: fields of something that is no field itself."""

    node: Node
    names: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return _in_parens(self.node) + "".join(f".{name}" for name in self.names)


@dataclass(slots=True)
class DotNode(Node):
    """``.``, the cursor."""

    def __str__(self) -> str:
        return "."


@dataclass(slots=True)
class NilNode(Node):
    """``nil``, which is an argument and never a command."""

    def __str__(self) -> str:
        return "nil"


@dataclass(slots=True)
class BoolNode(Node):
    """``true`` or ``false``."""

    value: bool

    def __str__(self) -> str:
        return "true" if self.value else "false"


@dataclass(slots=True)
class NumberNode(Node):
    """A number, in every type that can hold it; its spelling decides where nothing else does."""

    text: str
    integer: int | None = None
    unsigned: int | None = None
    real: float | None = None
    complex: complex | None = None

    def __str__(self) -> str:
        return self.text


@dataclass(slots=True)
class StringNode(Node):
    """A string constant as written, and its value."""

    quoted: str
    text: str

    def __str__(self) -> str:
        return self.quoted


@dataclass(slots=True)
class BranchNode(Node):
    """``{{if}}``, ``{{with}}`` or ``{{range}}`` with its two lists."""

    keyword: str
    pipe: PipeNode
    body: ListNode
    otherwise: ListNode | None = None


@dataclass(slots=True)
class TemplateNode(Node):
    """``{{template "name" pipeline}}``, and what is left of a ``{{block}}``."""

    name: str
    pipe: PipeNode | None = None

    def __str__(self) -> str:
        pipe = "" if self.pipe is None else f" {self.pipe}"
        return f"{{{{template {quote(self.name)}{pipe}}}}}"


@dataclass(slots=True)
class BreakNode(Node):
    """``{{break}}``."""


@dataclass(slots=True)
class ContinueNode(Node):
    """``{{continue}}``."""


@dataclass(slots=True)
class EndNode(Node):
    """``{{end}}``; seen by the parser only."""

    def __str__(self) -> str:
        return "{{end}}"


@dataclass(slots=True)
class ElseNode(Node):
    """``{{else}}``; seen by the parser only."""

    def __str__(self) -> str:
        return "{{else}}"


def _in_parens(node: Node) -> str:
    return f"({node})" if isinstance(node, PipeNode) else str(node)


def is_empty(node: Node) -> bool:
    """Whether a template made of this would print blanks only; such a definition does not replace another one."""
    if isinstance(node, ListNode):
        return all(map(is_empty, node.nodes))
    return isinstance(node, TextNode) and not node.text.strip(" \t\n\v\f\r\u0085\u00a0\u2028\u2029\u202f\u205f\u3000")

"""Walks a parsed template and writes the message (text/template, exec.go of Go 1.26)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from imagesetter.golang.budget import MAX_DEPTH, MAX_TEXT, Budget
from imagesetter.golang.errors import LimitReached
from imagesetter.golang.fmt import sprint
from imagesetter.golang.strings import length, quote
from imagesetter.golang.template.evaluate import Evaluator, Library
from imagesetter.golang.template.nodes import (
    ActionNode,
    BranchNode,
    BreakNode,
    ContinueNode,
    ListNode,
    ParseNode,
    PipeNode,
    TemplateNode,
    TextNode,
)
from imagesetter.golang.template.parser import Trees
from imagesetter.golang.values import (
    INVALID,
    Boxed,
    Map,
    Slice,
    box,
    plain,
    truth,
    type_of,
)

_Jump = Literal["", "break", "continue"]
_RANGE_KINDS: Final = ("int", "int64", "uint8", "uint64")


def execute(trees: Trees, name: str, dot: object, library: Library, budget: Budget) -> str:
    """Run the template called *name* over *dot*.

    Raises:
        ExecFault: the template does not fit the data.
        LimitReached: it needs too much.
    """
    walker = _Walker(trees, name, dot, library, budget, _Output(), 0)
    walker.run(dot)
    return walker.output.text()


class _Output:
    """The message so far, up to its limit."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0

    def write(self, text: str) -> None:
        self._length += length(text)
        if self._length > MAX_TEXT:
            raise LimitReached(f"the message is larger than {MAX_TEXT:,} bytes")
        self._pieces.append(text)

    def text(self) -> str:
        return "".join(self._pieces)


class _Walker:
    """Executes one template; ``{{template}}`` makes another walker."""

    def __init__(
        self, trees: Trees, name: str, dot: object, library: Library, budget: Budget, output: _Output, depth: int
    ) -> None:
        self._trees = trees
        self._library = library
        self._budget = budget
        self._depth = depth
        self._root = trees[name]
        self._state = Evaluator(name, library, budget, dot, self._root)
        self.output = output

    def run(self, dot: object) -> None:
        """Walk the whole template."""
        self._list(dot, self._root)

    def _list(self, dot: object, nodes: ListNode) -> _Jump:
        for node in nodes.nodes:
            jump = self._walk(dot, node)
            if jump:
                return jump
        return ""

    def _walk(self, dot: object, node: ParseNode) -> _Jump:
        self._budget.step()
        self._state.node = node
        match node:
            case TextNode():
                self.output.write(node.text)
            case ActionNode():
                value = self._state.pipeline(dot, node.pipe)
                if not node.pipe.variables:
                    self._state.node = node
                    self.output.write("<no value>" if value is INVALID else sprint(self._budget, plain(value)))
            case BranchNode(keyword="range"):
                return self._range(dot, node)
            case BranchNode():
                return self._if_or_with(dot, node)
            case TemplateNode():
                self._template(dot, node)
            case BreakNode():
                return "break"
            case ContinueNode():
                return "continue"
        return ""

    def _if_or_with(self, dot: object, node: BranchNode) -> _Jump:
        variables = self._state.variables
        mark = len(variables)
        value = self._state.pipeline(dot, node.pipe)
        jump: _Jump = ""
        if truth(value):
            jump = self._list(value if node.keyword == "with" else dot, node.body)
        elif node.otherwise is not None:
            jump = self._list(dot, node.otherwise)
        del variables[mark:]
        return jump

    def _range(self, dot: object, node: BranchNode) -> _Jump:
        variables = self._state.variables
        outside = len(variables)
        value = self._state.pipeline(dot, node.pipe)
        mark = len(variables)
        pairs = self._pairs(value, node.pipe)
        jump: _Jump = ""
        for index, element in pairs:
            self._budget.step()
            self._bind(node.pipe, index, element)
            jump = self._list(element, node.body)
            del variables[mark:]
            if jump == "break":
                break
        del variables[mark:]
        if not pairs and node.otherwise is not None:
            # Go hands a continue on to the range around this one, but swallows a break.
            jump = self._list(dot, node.otherwise)
            del variables[outside:]
            return "continue" if jump == "continue" else ""
        del variables[outside:]
        return ""

    def _bind(self, pipe: PipeNode, index: object, element: object) -> None:
        """Set the range's variables: two are index and element, one is the element."""
        state, names = self._state, [variable.names[0] for variable in pipe.variables]
        if not names:
            return
        values = [element] if len(names) == 1 else [index, element]
        if pipe.assigns:
            for name, value in zip(names, values, strict=True):
                state.assign(name, value)
        else:
            state.variables[-len(names) :] = list(zip(names, values, strict=True))

    def _pairs(self, value: object, pipe: PipeNode) -> list[tuple[object, object]] | _Count:
        """What a range goes over: keys and elements in Go's order."""
        if type(value) is Boxed:
            value = value.value
        if value is INVALID or value is None:
            return []
        type_ = type_of(value)
        if isinstance(value, int) and type_.kind in _RANGE_KINDS:
            if len(pipe.variables) > 1:
                raise self._state.fault(f"can't use {self._shown(value)} to iterate over more than one variable")
            return _Count(value)
        if isinstance(value, Slice):
            return [(index, box(type_.elem, item)) for index, item in enumerate(value.items)]
        if isinstance(value, Map):
            return [(key, box(type_.elem, item)) for key, item in value.sorted()]
        raise self._state.fault(f"range can't iterate over {self._shown(value)}")

    def _shown(self, value: object) -> str:
        return sprint(self._budget, value)

    def _template(self, dot: object, node: TemplateNode) -> None:
        if node.name not in self._trees:
            raise self._state.fault(f"template {quote(node.name)} not defined")
        if self._depth == MAX_DEPTH:
            raise self._state.fault(f"exceeded maximum template depth ({MAX_DEPTH})")
        value = self._state.pipeline(dot, node.pipe)
        walker = _Walker(self._trees, node.name, value, self._library, self._budget, self.output, self._depth + 1)
        walker.run(value)


class _Count:
    """Ranges over an integer without making a list of it."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._type = type(number)

    def __bool__(self) -> bool:
        return self._number > 0

    def __iter__(self) -> Iterator[tuple[object, object]]:
        for number in range(self._number):
            yield INVALID, self._type(number)

"""Evaluates pipelines, commands and operands (text/template, exec.go of Go 1.26).

The node that was last looked at is what an error message quotes, so `Evaluator` keeps it up to date at the same
moments as Go does.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from imagesetter.golang.budget import Budget
from imagesetter.golang.errors import Fault
from imagesetter.golang.strings import join_bytes, length
from imagesetter.golang.template.nodes import (
    BoolNode,
    ChainNode,
    CommandNode,
    DotNode,
    FieldNode,
    IdentifierNode,
    NilNode,
    NumberNode,
    ParseNode,
    PipeNode,
    StringNode,
    VariableNode,
)
from imagesetter.golang.values import (
    ANY,
    INVALID,
    REFLECT_VALUE,
    Boxed,
    Map,
    Slice,
    Type,
    box,
    plain,
    truth,
    type_of,
    zero_of,
)


class Function(NamedTuple):
    """A template function: how to call it and with which Go parameter types."""

    call: Callable[..., object]
    params: tuple[Type, ...]
    variadic: bool = False
    builtin: bool = False
    """Whether it is Go's own: ``and``, ``or`` and ``call`` are treated in special ways then."""
    method: bool = False
    """Whether it is a method, which makes nothing that the data does not hold."""


Library = Callable[[str], Function]
"""Finds a function that the parser has let pass."""


class ExecFault(Exception):
    """A template that does not run: Go's message, the node it is about, the template that the node is in."""

    def __init__(self, message: str, node: ParseNode, template: str) -> None:
        super().__init__(message)
        self.message = message
        self.node = node
        self.template = template


class _Missing:
    """No value comes from the pipeline."""


_MISSING: Final = _Missing()
_CALL: Final = 4
"""The steps that a call counts for."""
_ENTRY: Final = {Slice: 2, Map: 32}
"""What an element or entry of a new list or dictionary counts for, in bytes."""


class Evaluator:
    """The values of one template's variables, and how to get at more."""

    def __init__(self, template: str, library: Library, budget: Budget, dot: object, node: ParseNode) -> None:
        self.template = template
        self.node = node
        self.variables: list[tuple[str, object]] = [("$", dot)]
        self.library = library
        self.budget = budget

    def fault(self, message: str) -> ExecFault:
        """An error about the node at hand."""
        return ExecFault(message, self.node, self.template)

    # --- variables

    def assign(self, name: str, value: object) -> None:
        """Give the innermost variable of that name a new value."""
        for index in range(len(self.variables) - 1, -1, -1):
            if self.variables[index][0] == name:
                self.budget.step((len(self.variables) - index) >> 4)
                self.variables[index] = (name, value)
                return
        raise self.fault(f"undefined variable: {name}")

    def _variable(self, name: str) -> object:
        for distance, (known, value) in enumerate(reversed(self.variables)):
            if known == name:
                self.budget.step(distance >> 4)
                return value
        raise self.fault(f"undefined variable: {name}")

    # --- pipelines and commands

    def pipeline(self, dot: object, pipe: PipeNode | None) -> object:
        """The value of the last command; sets the pipeline's variables."""
        if pipe is None:
            return INVALID
        self.node = pipe
        value: object = _MISSING
        for command in pipe.commands:
            value = self._command(dot, command, value)
            if type(value) is Boxed and value.type is ANY:
                value = INVALID if value.value is None else value.value
        for variable in pipe.variables:
            if pipe.assigns:
                self.assign(variable.names[0], value)
            else:
                self.variables.append((variable.names[0], value))
        return value

    def _command(self, dot: object, command: CommandNode, final: object) -> object:
        self.budget.step()
        first = command.args[0]
        match first:
            case FieldNode():
                return self._field_node(dot, first, command.args, final)
            case ChainNode():
                return self._chain(dot, first, command.args, final)
            case IdentifierNode():
                return self._function(dot, first, command, command.args, final)
            case PipeNode():
                self._no_arguments(command.args, final)
                return self.pipeline(dot, first)
            case VariableNode():
                return self._variable_node(dot, first, command.args, final)
        self.node = first
        self._no_arguments(command.args, final)
        return self._constant(dot, first)

    def _constant(self, dot: object, node: ParseNode) -> object:
        match node:
            case BoolNode():
                return node.value
            case DotNode():
                return dot
            case NilNode():
                raise self.fault("nil is not a command")
            case NumberNode():
                return self._number(node)
            case StringNode():
                return node.text
        raise self.fault(f"can't evaluate command {node}")

    def _no_arguments(self, args: Sequence[ParseNode], final: object) -> None:
        if len(args) > 1 or final is not _MISSING:
            raise self.fault(f"can't give argument to non-function {args[0]}")

    def _number(self, node: NumberNode) -> object:
        """A number where nothing else tells its type: its spelling does, and integers are ``int``."""
        self.node = node
        if node.complex is not None:
            return node.complex
        hexadecimal = node.text[:2] in ("0x", "0X") and not set(node.text) & set("pP")
        if node.real is not None and not hexadecimal and node.text[0] != "'" and set(node.text) & set(".eEpP"):
            return node.real
        if node.integer is None:
            raise self.fault(f"{node.text} overflows int")
        return node.integer

    def _field_node(self, dot: object, node: FieldNode, args: Sequence[ParseNode], final: object) -> object:
        self.node = node
        return self._fields(dot, dot, node, node.names, args, final)

    def _chain(self, dot: object, node: ChainNode, args: Sequence[ParseNode], final: object) -> object:
        self.node = node
        if isinstance(node.node, NilNode):
            raise self.fault(f"indirection through explicit nil in {node}")
        return self._fields(dot, self._argument(dot, None, node.node), node, node.names, args, final)

    def _variable_node(self, dot: object, node: VariableNode, args: Sequence[ParseNode], final: object) -> object:
        self.node = node
        value = self._variable(node.names[0])
        if len(node.names) == 1:
            self._no_arguments(args, final)
            return value
        return self._fields(dot, value, node, node.names[1:], args, final)

    def _fields(
        self,
        dot: object,
        receiver: object,
        node: ParseNode,
        names: Sequence[str],
        args: Sequence[ParseNode],
        final: object,
    ) -> object:
        """``.A.B.C``: only the last one may be given arguments."""
        for name in names[:-1]:
            receiver = self._field(dot, name, node, (), _MISSING, receiver)
        return self._field(dot, names[-1], node, args, final, receiver)

    def _field(
        self, dot: object, name: str, node: ParseNode, args: Sequence[ParseNode], final: object, receiver: object
    ) -> object:
        """A method, a struct's field or a map's entry of that name."""
        if receiver is INVALID:
            return INVALID
        seen_as = type_of(receiver)
        if type(receiver) is Boxed:
            if receiver.value is None:
                raise self.fault(f"nil pointer evaluating {seen_as.name}.{name}")
            receiver = receiver.value
        found = type_of(receiver)
        method = found.methods.get(name)
        if method is not None:
            bound: Any = receiver
            function = Function(
                lambda *values: method.call(bound, *values), method.params, method.variadic, method=True
            )
            return box(method.boxed, self._call(dot, function, node, name, args, final))
        has_arguments = len(args) > 1 or final is not _MISSING
        field = found.field(name)
        if field is not None:
            if not field.exported:
                raise self.fault(f"{name} is an unexported field of struct type {seen_as.name}")
            if has_arguments:
                raise self.fault(f"{name} has arguments but cannot be invoked as function")
            return box(field.type, getattr(receiver, field.attribute))
        if isinstance(receiver, Map) and found.key is not None and found.key.name == "string":
            if has_arguments:
                raise self.fault(f"{name} is not a method but has arguments")
            return box(found.elem, receiver.items[name]) if name in receiver.items else INVALID
        raise self.fault(f"can't evaluate field {name} in type {seen_as.name}")

    # --- calls

    def _function(
        self, dot: object, node: IdentifierNode, command: ParseNode, args: Sequence[ParseNode], final: object
    ) -> object:
        self.node = node
        return self._call(dot, self.library(node.name), command, node.name, args, final)

    def _call(
        self, dot: object, function: Function, node: ParseNode, name: str, args: Sequence[ParseNode], final: object
    ) -> object:
        """Call a function or method; *args* begins with its own name, *final* comes from the pipeline."""
        args = args[1:]
        params = function.params
        given = len(args) + (final is not _MISSING)
        if function.variadic and given < len(params) - 1:
            raise self.fault(f"wrong number of args for {name}: want at least {len(params) - 1} got {len(args)}")
        if not function.variadic and given != len(params):
            raise self.fault(f"wrong number of args for {name}: want {len(params)} got {given}")
        if function.builtin and name in ("and", "or"):
            return self._short_circuit(dot, name, args, final)
        values = [self._argument(dot, params[min(index, len(params) - 1)], arg) for index, arg in enumerate(args)]
        if final is not _MISSING:
            values.append(self._validated(final, params[min(len(args), len(params) - 1)]))
        if function.builtin and name == "call":
            values.insert(0, str(args[0]) if args else _callee(final))
        return self._invoke(function, node, name, values)

    def _short_circuit(self, dot: object, name: str, args: Sequence[ParseNode], final: object) -> object:
        """``and`` and ``or``: the first argument that decides, else the last one."""
        value: object = INVALID
        for arg in args:
            value = self._argument(dot, REFLECT_VALUE, arg)
            if truth(value) == (name == "or"):
                return value
        return value if final is _MISSING else final

    def _invoke(self, function: Function, node: ParseNode, name: str, values: Sequence[object]) -> object:
        params = function.params
        sent: list[object] = []
        for index, value in enumerate(values):
            raw = function.builtin and params[min(index, len(params) - 1)] is REFLECT_VALUE
            sent.append(value if raw else plain(value))
        self.budget.step(_CALL)
        self.budget.charge(sum(length(value) for value in sent if isinstance(value, str)))
        try:
            result = function.call(*sent)
        except Fault as fault:
            self.node = node
            raise self.fault(f"error calling {name}: {fault.message}") from fault
        if isinstance(result, str):
            self.budget.size(length(result))
            return join_bytes(result)
        if isinstance(result, (Slice, Map)) and not any(result is value for value in sent):
            size = len(result.items)
            self.budget.step(size >> 2) if function.method else self.budget.charge(_ENTRY[type(result)] * size)
        return Boxed(ANY, None) if result is None else result

    # --- arguments

    def _argument(self, dot: object, wanted: Type | None, node: ParseNode) -> object:
        """The value of an argument; constants take the wanted type."""
        self.node = node
        match node:
            case DotNode():
                return self._validated(dot, wanted)
            case NilNode():
                if wanted is None or wanted is REFLECT_VALUE or wanted.kind in ("interface", "map", "slice", "ptr"):
                    return INVALID if wanted is None or wanted is REFLECT_VALUE else zero_of(wanted)
                raise self.fault(f"cannot assign nil to {wanted.name}")
            case FieldNode():
                return self._validated(self._field_node(dot, node, (node,), _MISSING), wanted)
            case VariableNode():
                return self._validated(self._variable_node(dot, node, (), _MISSING), wanted)
            case PipeNode():
                return self._validated(self.pipeline(dot, node), wanted)
            case IdentifierNode():
                return self._validated(self._function(dot, node, node, (), _MISSING), wanted)
            case ChainNode():
                return self._validated(self._chain(dot, node, (), _MISSING), wanted)
        if wanted is None or wanted is ANY or wanted is REFLECT_VALUE:
            return self._number(node) if isinstance(node, NumberNode) else self._constant(dot, node)
        return self._typed_constant(node, wanted)

    def _typed_constant(self, node: ParseNode, wanted: Type) -> object:
        match wanted.kind, node:
            case ("string", StringNode()):
                return node.text
            case ("bool", BoolNode()):
                return node.value
            case ("int" | "int64", NumberNode()) if node.integer is not None:
                return node.integer
            case ("float64", NumberNode()) if node.real is not None:
                return node.real
        expected = {"int": "integer", "int64": "integer", "float64": "float"}.get(wanted.kind, wanted.kind)
        if expected in ("string", "bool", "integer", "float"):
            raise self.fault(f"expected {expected}; found {node}")
        raise self.fault(f"can't handle {node} for arg of type {wanted.name}")

    def _validated(self, value: object, wanted: Type | None) -> object:
        """The value, if a parameter of the wanted type takes it; nil becomes the type's own nil."""
        if wanted is None or wanted is REFLECT_VALUE:
            return value
        if value is INVALID:
            if wanted.kind in ("interface", "map", "slice", "ptr"):
                return zero_of(wanted)
            raise self.fault(f"invalid value; expected {wanted.name}")
        if wanted is ANY:
            return value
        found = type_of(value)
        if type(value) is Boxed and value.value is not None:
            value = value.value
            found = type_of(value)
        if found is not wanted:
            raise self.fault(f"wrong type for value; expected {wanted.name}; got {found.name}")
        return value


def _callee(value: object) -> str:
    """What Go calls a function that comes from the pipeline: a text itself, else its type."""
    if isinstance(value, str):
        return value
    return f"<{'invalid' if value is INVALID else type_of(value).name} Value>"

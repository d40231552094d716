"""Reads a template into trees (text/template/parse, parse.go of Go 1.26).

::

    template = { text | define | action }
    define   = "{{define" string "}}" list end
    list     = { text | action }
    action   = "{{" pipeline "}}" | if | with | range | call | block | "{{break}}" | "{{continue}}"
    if       = "{{if" pipeline "}}" list [ "{{else}}" list | "{{else if" pipeline "}}" … ] end
    with     = "{{with" pipeline "}}" list [ "{{else}}" list | "{{else with" pipeline "}}" … ] end
    range    = "{{range" [ variable [ "," variable ] ( ":=" | "=" ) ] pipeline "}}" list [ "{{else}}" list ] end
    call     = "{{template" string [ pipeline ] "}}"
    block    = "{{block" string pipeline "}}" list end
    end      = "{{end}}"
    pipeline = [ variable ( ":=" | "=" ) ] command { "|" command }
    command  = operand { blank operand }
    operand  = term { "." name }
    term     = literal | function | "." | field | variable | "(" pipeline ")"

A `ParseFault` has Go's message and the line that Go would name.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Final

from imagesetter.golang.strconv import unquote
from imagesetter.golang.strings import quote
from imagesetter.golang.template.constants import number_node
from imagesetter.golang.template.lexer import Kind, Lexer, Token
from imagesetter.golang.template.nodes import (
    ActionNode,
    BoolNode,
    BranchNode,
    BreakNode,
    ChainNode,
    CommandNode,
    ContinueNode,
    DotNode,
    ElseNode,
    EndNode,
    FieldNode,
    IdentifierNode,
    ListNode,
    NilNode,
    NumberNode,
    ParseNode,
    PipeNode,
    StringNode,
    TemplateNode,
    TextNode,
    VariableNode,
    is_empty,
)
from imagesetter.golang.template.tokens import TokenStream

Trees = Mapping[str, ListNode]
"""Templates by name: the one that was asked for, and those that it defines."""

_OPERANDS: Final = frozenset({
    Kind.BOOL, Kind.CHAR_CONSTANT, Kind.COMPLEX, Kind.DOT, Kind.FIELD, Kind.IDENTIFIER, Kind.NUMBER, Kind.NIL,
    Kind.RAW_STRING, Kind.STRING, Kind.VARIABLE, Kind.LEFT_PAREN,
})  # fmt: skip
_VALUES: Final = (BoolNode, DotNode, NilNode, NumberNode, StringNode)


class ParseFault(Exception):
    """A template that does not parse: Go's message without its prefix, and the line."""

    def __init__(self, message: str, line: int, *, function: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.function = function
        """The name that is no function, when that is the fault."""


def parse_template(name: str, text: str, functions: Container[str]) -> Trees:
    """Read a template called *name*.

    Raises:
        ParseFault: the template breaks the grammar, or names a function that is not in *functions*.
    """
    trees: dict[str, ListNode] = {}
    _Parser(name, name, Lexer(text), functions, trees).template()
    return trees


class _Parser:
    """Parses one template; each ``define`` and ``block`` has a parser of its own on the same lexer."""

    def __init__(
        self, name: str, source_name: str, lexer: Lexer, functions: Container[str], trees: dict[str, ListNode]
    ) -> None:
        self._name = name
        self._source_name = source_name
        self._lexer = lexer
        self._functions = functions
        self._trees = trees
        self._tokens = TokenStream(lexer)
        self._variables = ["$"]
        self._known = {"$": 1}
        """How often each variable is in the list: a long list is slow to search."""
        self._action_line = 0
        self._ranges = 0

    def _expect(self, context: str, *kinds: str) -> Token:
        token = self._tokens.next_non_space()
        if token.kind not in kinds:
            raise self._unexpected(token, context)
        return token

    def _fault(self, message: str, *, function: str = "") -> ParseFault:
        return ParseFault(message, self._tokens.last.line, function=function)

    def _unexpected(self, token: Token, context: str) -> ParseFault:
        if token.kind != Kind.ERROR:
            return self._fault(f"unexpected {token} in {context}")
        where = ""
        if self._action_line not in (0, token.line):
            action = "" if token.text.endswith(" action") else " in action"
            where = f"{action} started at {self._source_name}:{self._action_line}"
        return self._fault(f"{token}{where}")

    # --- templates

    def template(self) -> None:
        """``template``: to the end of the text."""
        root = ListNode(self._tokens.peek().position)
        while self._tokens.peek().kind != Kind.EOF:
            if self._tokens.peek().kind == Kind.LEFT_DELIM:
                delim = self._tokens.next()
                token = self._tokens.next_non_space()
                if token.kind == Kind.DEFINE:
                    self._inner("")._define()
                    continue
                self._tokens.back(delim, token)
            node = self._text_or_action()
            if isinstance(node, (EndNode, ElseNode)):
                raise self._fault(f"unexpected {node}")
            root.nodes.append(node)
        self._add(root)

    def _inner(self, name: str) -> _Parser:
        return _Parser(name, self._source_name, self._lexer, self._functions, self._trees)

    def _define(self) -> None:
        context = "define clause"
        self._name = self._unquoted(self._expect(context, Kind.STRING, Kind.RAW_STRING))
        self._expect(context, Kind.RIGHT_DELIM)
        self._add(self._list_to_end(context))

    def _list_to_end(self, context: str) -> ListNode:
        body, end = self._list()
        if not isinstance(end, EndNode):
            raise self._fault(f"unexpected {end} in {context}")
        return body

    def _add(self, root: ListNode) -> None:
        """A second definition is an error unless one of the two is empty."""
        known = self._trees.get(self._name)
        if known is None or is_empty(known):
            self._trees[self._name] = root
        elif not is_empty(root):
            raise self._fault(f"template: multiple definition of template {quote(self._name)}")

    def _list(self) -> tuple[ListNode, EndNode | ElseNode]:
        """``list``, and the ``{{end}}`` or ``{{else}}`` that ends it."""
        nodes = ListNode(self._tokens.peek_non_space().position)
        while True:
            if self._tokens.peek_non_space().kind == Kind.EOF:
                raise self._fault("unexpected EOF")
            node = self._text_or_action()
            if isinstance(node, (EndNode, ElseNode)):
                return nodes, node
            nodes.nodes.append(node)

    def _text_or_action(self) -> ParseNode:
        token = self._tokens.next_non_space()
        if token.kind == Kind.TEXT:
            return TextNode(token.position, token.text)
        if token.kind != Kind.LEFT_DELIM:
            raise self._unexpected(token, "input")
        self._action_line = token.line
        node = self._action()
        self._action_line = 0
        return node

    # --- actions

    def _action(self) -> ParseNode:
        token = self._tokens.next_non_space()
        match token.kind:
            case Kind.BLOCK:
                return self._block()
            case Kind.BREAK | Kind.CONTINUE:
                return self._jump(token)
            case Kind.ELSE:
                return self._else()
            case Kind.END:
                return EndNode(self._expect("end", Kind.RIGHT_DELIM).position)
            case Kind.IF | Kind.WITH | Kind.RANGE:
                return self._branch(token.text)
            case Kind.TEMPLATE:
                return self._call()
        self._tokens.back(token)
        position = self._tokens.peek().position
        return ActionNode(position, self._pipeline("command", Kind.RIGHT_DELIM))

    def _jump(self, token: Token) -> ParseNode:
        after = self._tokens.next_non_space()
        if after.kind != Kind.RIGHT_DELIM:
            raise self._unexpected(after, f"{{{{{token.text}}}}}")
        if not self._ranges:
            raise self._fault(f"{{{{{token.text}}}}} outside {{{{range}}}}")
        return BreakNode(token.position) if token.kind == Kind.BREAK else ContinueNode(token.position)

    def _else(self) -> ElseNode:
        token = self._tokens.peek_non_space()
        if token.kind not in (Kind.IF, Kind.WITH):
            token = self._expect("else", Kind.RIGHT_DELIM)
        return ElseNode(token.position)

    def _branch(self, keyword: str) -> BranchNode:
        """``if``, ``with`` and ``range``; ``else if`` is an ``if`` in the else list that shares the ``end``."""
        known = len(self._variables)
        pipe = self._pipeline(keyword, Kind.RIGHT_DELIM)
        self._ranges += keyword == "range"
        body, end = self._list()
        self._ranges -= keyword == "range"
        otherwise: ListNode | None = None
        if isinstance(end, ElseNode):
            if (
                keyword != "range"
                and self._tokens.peek().text == keyword
                and self._tokens.peek().kind in (Kind.IF, Kind.WITH)
            ):
                self._tokens.next()
                otherwise = ListNode(end.position, [self._branch(keyword)])
            else:
                otherwise, end = self._list()
                if not isinstance(end, EndNode):
                    raise self._fault(f"expected end; found {end}")
        for name in self._variables[known:]:
            self._known[name] -= 1
        del self._variables[known:]
        return BranchNode(pipe.position, keyword, pipe, body, otherwise)

    def _block(self) -> TemplateNode:
        context = "block clause"
        token = self._tokens.next_non_space()
        name = self._template_name(token, context)
        pipe = self._pipeline(context, Kind.RIGHT_DELIM)
        inner = self._inner(name)
        inner._add(inner._list_to_end(context))
        return TemplateNode(token.position, name, pipe)

    def _call(self) -> TemplateNode:
        context = "template clause"
        token = self._tokens.next_non_space()
        name = self._template_name(token, context)
        after = self._tokens.next_non_space()
        if after.kind == Kind.RIGHT_DELIM:
            return TemplateNode(token.position, name)
        self._tokens.back(after)
        return TemplateNode(token.position, name, self._pipeline(context, Kind.RIGHT_DELIM))

    def _template_name(self, token: Token, context: str) -> str:
        if token.kind not in (Kind.STRING, Kind.RAW_STRING):
            raise self._unexpected(token, context)
        return self._unquoted(token)

    def _unquoted(self, token: Token) -> str:
        try:
            return unquote(token.text)
        except ValueError as err:
            raise self._fault(str(err)) from err

    # --- pipelines

    def _pipeline(self, context: str, end: str) -> PipeNode:
        pipe = PipeNode(self._tokens.peek_non_space().position)
        self._declarations(pipe, context)
        while True:
            token = self._tokens.next_non_space()
            if token.kind == end:
                self._check_pipeline(pipe, context)
                return pipe
            if token.kind not in _OPERANDS:
                raise self._unexpected(token, context)
            self._tokens.back(token)
            pipe.commands.append(self._command())

    def _declarations(self, pipe: PipeNode, context: str) -> None:
        """``[ variable [ "," variable ] ( ":=" | "=" ) ]``; a variable without a sign behind it is an operand."""
        while (variable := self._tokens.peek_non_space()).kind == Kind.VARIABLE:
            self._tokens.next_non_space()
            after = self._tokens.peek()
            sign = self._tokens.peek_non_space()
            if sign.kind in (Kind.ASSIGN, Kind.DECLARE):
                pipe.assigns = sign.kind == Kind.ASSIGN
                self._tokens.next_non_space()
                self._declare(pipe, variable)
                return
            if not (sign.kind == Kind.CHAR and sign.text == ","):
                self._tokens.back(variable, after) if after.kind == Kind.SPACE else self._tokens.back(variable)
                return
            self._tokens.next_non_space()
            self._declare(pipe, variable)
            if context != "range" or len(pipe.variables) > 1:
                raise self._fault(f"too many declarations in {context}")
            if self._tokens.peek_non_space().kind not in (Kind.VARIABLE, Kind.RIGHT_DELIM, Kind.RIGHT_PAREN):
                raise self._fault("range can only initialize variables")

    def _declare(self, pipe: PipeNode, variable: Token) -> None:
        pipe.variables.append(VariableNode(variable.position, variable.text.split(".")))
        self._variables.append(variable.text)
        self._known[variable.text] = self._known.get(variable.text, 0) + 1

    def _check_pipeline(self, pipe: PipeNode, context: str) -> None:
        if not pipe.commands:
            raise self._fault(f"missing value for {context}")
        for stage, command in enumerate(pipe.commands[1:], 2):
            if isinstance(command.args[0], _VALUES):
                raise self._fault(f"non executable command in pipeline stage {stage}")

    def _command(self) -> CommandNode:
        """``command``; the ``|`` behind it is consumed."""
        command = CommandNode(self._tokens.peek_non_space().position)
        while True:
            self._tokens.peek_non_space()
            operand = self._operand()
            if operand is not None:
                command.args.append(operand)
            token = self._tokens.next()
            if token.kind == Kind.SPACE:
                continue
            if token.kind in (Kind.RIGHT_DELIM, Kind.RIGHT_PAREN):
                self._tokens.back(token)
            elif token.kind != Kind.PIPE:
                raise self._unexpected(token, "operand")
            break
        if not command.args:
            raise self._fault("empty command")
        return command

    def _operand(self) -> ParseNode | None:
        """``operand``, or nothing when the next token begins none."""
        node = self._term()
        if node is None or self._tokens.peek().kind != Kind.FIELD:
            return node
        position = self._tokens.peek().position
        names: list[str] = []
        while self._tokens.peek().kind == Kind.FIELD:
            names.append(self._tokens.next().text[1:])
        if isinstance(node, FieldNode):
            return FieldNode(position, node.names + names)
        if isinstance(node, VariableNode):
            return VariableNode(position, node.names + names)
        if isinstance(node, _VALUES):
            raise self._fault(f"unexpected . after term {quote(str(node))}")
        return ChainNode(position, node, names)

    def _term(self) -> ParseNode | None:
        token = self._tokens.next_non_space()
        position, text = token.position, token.text
        match token.kind:
            case Kind.IDENTIFIER:
                if text not in self._functions:
                    raise self._fault(f"function {quote(text)} not defined", function=text)
                return IdentifierNode(position, text)
            case Kind.DOT:
                return DotNode(position)
            case Kind.NIL:
                return NilNode(position)
            case Kind.VARIABLE:
                if not self._known.get(text):
                    raise self._fault(f"undefined variable {quote(text)}")
                return VariableNode(position, [text])
            case Kind.FIELD:
                return FieldNode(position, [text[1:]])
            case Kind.BOOL:
                return BoolNode(position, text == "true")
            case Kind.CHAR_CONSTANT | Kind.COMPLEX | Kind.NUMBER:
                try:
                    return number_node(token)
                except ValueError as err:
                    raise self._fault(str(err)) from err
            case Kind.LEFT_PAREN:
                return self._pipeline("parenthesized pipeline", Kind.RIGHT_PAREN)
            case Kind.STRING | Kind.RAW_STRING:
                return StringNode(position, text, self._unquoted(token))
        self._tokens.back(token)
        return None

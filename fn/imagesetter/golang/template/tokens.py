"""Tokens that can be looked at and given back: what the parser reads (text/template/parse, parse.go of Go 1.26)."""

from __future__ import annotations

from imagesetter.golang.template.lexer import Kind, Lexer, Token


class TokenStream:
    """One parser's view of the lexer; each template within a template has its own."""

    def __init__(self, lexer: Lexer) -> None:
        self._lexer = lexer
        self._pending: list[Token] = []
        self.last = Token(Kind.EOF, 0, "", 0)
        """The token that came from the lexer last: errors name its line."""

    def next(self) -> Token:
        """The next token."""
        if self._pending:
            return self._pending.pop()
        self.last = self._lexer.next_token()
        return self.last

    def back(self, *tokens: Token) -> None:
        """Give tokens back; the first one is the next one to be read."""
        self._pending.extend(reversed(tokens))

    def peek(self) -> Token:
        """The next token, which stays the next."""
        token = self.next()
        self.back(token)
        return token

    def next_non_space(self) -> Token:
        """The next token that is no blank."""
        token = self.next()
        while token.kind == Kind.SPACE:
            token = self.next()
        return token

    def peek_non_space(self) -> Token:
        """The next token that is no blank, which stays; blanks before it do not."""
        token = self.next_non_space()
        self.back(token)
        return token

"""PyYAML, imported without compiling the patterns of its own parser, which libyaml does not use.

PyYAML compiles twelve patterns when it is imported. One of them, a set of a million characters, takes as long as the
rest of the import, a tenth of a whole run of a function. So while it is imported, `re.compile` gives it patterns that
are compiled when they are first used: by its scanner, its resolver and its constructors, in Python. Whatever another
thread compiles meanwhile is compiled as ever.
"""

import re
import sys
from typing import Any

_compile = re.compile


class _Late:
    """A pattern that is compiled when one of its methods is first used."""

    def __init__(self, *given: Any) -> None:
        self._given = given

    def __getattr__(self, name: str) -> Any:
        value = getattr(_compile(*self._given), name)
        setattr(self, name, value)
        return value


def _compile_late(pattern: Any, flags: Any = 0) -> Any:
    caller = sys._getframe(1).f_globals.get("__name__", "")
    return (_Late if caller.startswith("yaml.") else _compile)(pattern, flags)


re.compile = _compile_late
try:
    import yaml as yaml
finally:
    re.compile = _compile

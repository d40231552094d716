"""sprig's functions for paths, versions and URLs (sprig v3.3.0 functions.go, semver.go, url.go; Go 1.26 ``path``).

The ``os…`` functions are the same, since Flux runs on Linux.
"""

from __future__ import annotations

from imagesetter.golang.errors import Fault
from imagesetter.golang.net_url import GoUrl, parse_go_url
from imagesetter.golang.semver.constraints import parse_constraints
from imagesetter.golang.semver.version import parse_version
from imagesetter.golang.template.functions.versions import VersionPointer
from imagesetter.golang.values import DICT, Map, kind_of
from krm_functions.errors import ReportedError


def base(path: str) -> str:
    """``base``: the last element."""
    if not path:
        return "."
    return path.rstrip("/").rpartition("/")[2] or "/"


def dir_(path: str) -> str:
    """``dir``: all but the last element, cleaned."""
    return clean(path[: path.rfind("/") + 1])


def clean(path: str) -> str:
    """``clean``: the shortest path that leads to the same place."""
    rooted = path.startswith("/")
    kept: list[str] = []
    for part in path.split("/"):
        if part == ".." and kept and kept[-1] != "..":
            kept.pop()
        elif part not in ("", ".") and not (part == ".." and rooted):
            kept.append(part)
    return ("/" if rooted else "") + "/".join(kept) or "."


def ext(path: str) -> str:
    """``ext``: from the last dot of the last element on."""
    name = path.rpartition("/")[2]
    _, dot, extension = name.rpartition(".")
    return dot + extension if dot else ""


def is_abs(path: str) -> bool:
    """``isAbs``."""
    return path.startswith("/")


# --- versions


def semver(text: str) -> VersionPointer:
    """``semver``: a version with ``.Major``, ``.Minor``, ``.Patch``, ``.Prerelease``, ``.Metadata``."""
    try:
        return VersionPointer(parse_version(text))
    except ReportedError as err:
        raise Fault(str(err)) from err


def semver_compare(constraint: str, text: str) -> bool:
    """``semverCompare "^1.2" "1.3.0"``."""
    try:
        wanted = parse_constraints(constraint)
    except ReportedError as err:
        raise Fault(str(err)) from err
    return wanted.admits(semver(text).version)


# --- URLs


def url_parse(text: str) -> Map:
    """``urlParse``: scheme, userinfo, host, hostname, path, query, opaque and fragment."""
    try:
        url = parse_go_url(text)
    except Fault as fault:
        raise Fault(f"unable to parse url: {fault.message}") from fault
    return Map(DICT, {
        "scheme": url.scheme, "host": url.host, "hostname": url.hostname, "path": url.path, "query": url.query,
        "opaque": url.opaque, "fragment": url.fragment, "userinfo": url.userinfo or "",
    })  # fmt: skip


def url_join(parts: Map) -> str:
    """``urlJoin``: the URL of what `url_parse` gives."""
    values = {name: _text(parts, name) for name in ("scheme", "host", "path", "query", "opaque", "fragment")}
    written = _text(parts, "userinfo")
    userinfo: str | None = None
    if written:
        try:
            userinfo = parse_go_url(f"proto://{written}@host").userinfo
        except Fault as fault:
            raise Fault(f"unable to parse userinfo in dict: {fault.message}") from fault
    return str(GoUrl(**values, userinfo=userinfo))


def _text(parts: Map, name: str) -> str:
    value = parts.items.get(name, "")
    if isinstance(value, str):
        return value
    raise Fault(f"unable to parse {name} key, must be of type string, but {kind_of(value)} found")

"""The functions that a template may call: Go's builtins and sprig's hermetic ones, as Flux offers them.

One line a function: its name in templates, where it is, and its Go parameters (``value`` is reflect.Value, ``dict``
is ``map[string]interface{}``, ``...`` repeats the last one). A leading ``budget`` is ours: the function may need much.
The modules are imported when the first of their functions is called.

Departure: functions that are random, need the clock, or make keys and passwords are known but refused. A commit message
should say the same for the same change, and is no place for secrets.
"""

from __future__ import annotations

from functools import cache, partial
from importlib import import_module
from typing import Final

from imagesetter.golang.budget import Budget
from imagesetter.golang.template.evaluate import Function, Library
from imagesetter.golang.time_format import TIME
from imagesetter.golang.values import ANY, BOOL, DICT, FLOAT64, INT, REFLECT_VALUE, STRING, Type

BUILTINS: Final = {
    "and": "builtin.never(value, value...)",
    "or": "builtin.never(value, value...)",
    "not": "builtin.not_(value)",
    "call": "builtin.call(value, value...)",
    "index": "builtin.index(value, value...)",
    "len": "builtin.len_(value)",
    "eq": "builtin.eq(budget, value, value...)",
    "ne": "builtin.ne(budget, value, value)",
    "lt": "builtin.lt(value, value)",
    "le": "builtin.le(value, value)",
    "gt": "builtin.gt(value, value)",
    "ge": "builtin.ge(value, value)",
    "html": "builtin.html(budget, any...)",
    "js": "builtin.js(budget, any...)",
    "urlquery": "builtin.urlquery(budget, any...)",
    "print": "builtin.sprint(budget, any...)",
    "printf": "builtin.sprintf(budget, string, any...)",
    "println": "builtin.sprintln(budget, any...)",
}
"""Go's own functions. ``slice`` is missing since sprig's takes its place."""

SPRIG: Final = {
    "abbrev": "strings.abbrev(int, string)",
    "abbrevboth": "strings.abbrevboth(int, int, string)",
    "cat": "strings.cat(budget, any...)",
    "contains": "strings.contains(string, string)",
    "hasPrefix": "strings.has_prefix(string, string)",
    "hasSuffix": "strings.has_suffix(string, string)",
    "hello": "strings.hello()",
    "indent": "strings.indent(budget, int, string)",
    "initials": "strings.initials(string)",
    "join": "strings.join(budget, string, any)",
    "lower": "strings.lower(string)",
    "nindent": "strings.nindent(budget, int, string)",
    "nospace": "strings.nospace(string)",
    "plural": "strings.plural(string, string, int)",
    "quote": "strings.quote_(budget, any...)",
    "repeat": "strings.repeat(budget, int, string)",
    "replace": "strings.replace(budget, string, string, string)",
    "sortAlpha": "strings.sort_alpha(budget, any)",
    "split": "strings.split(string, string)",
    "splitList": "strings.split_list(string, string)",
    "splitn": "strings.splitn(string, int, string)",
    "squote": "strings.squote(budget, any...)",
    "substr": "strings.substr(int, int, string)",
    "swapcase": "strings.swapcase(string)",
    "title": "strings.title(string)",
    "trim": "strings.trim(string)",
    "trimAll": "strings.trim_all(string, string)",
    "trimall": "strings.trim_all(string, string)",
    "trimPrefix": "strings.trim_prefix(string, string)",
    "trimSuffix": "strings.trim_suffix(string, string)",
    "trunc": "strings.trunc(int, string)",
    "untitle": "strings.untitle(string)",
    "upper": "strings.upper(string)",
    "wrap": "strings.wrap(budget, int, string)",
    "wrapWith": "strings.wrap_with(budget, int, string, string)",
    "camelcase": "cases.camelcase(budget, string)",
    "kebabcase": "cases.kebabcase(budget, string)",
    "snakecase": "cases.snakecase(budget, string)",
    "append": "lists.push(any, any)",
    "chunk": "lists.chunk(int, any)",
    "compact": "lists.compact(any)",
    "concat": "lists.concat(budget, any...)",
    "first": "lists.first(any)",
    "has": "lists.has(budget, any, any)",
    "initial": "lists.initial(any)",
    "last": "lists.last(any)",
    "list": "lists.list_(any...)",
    "mustAppend": "lists.push(any, any)",
    "mustChunk": "lists.chunk(int, any)",
    "mustCompact": "lists.compact(any)",
    "mustFirst": "lists.first(any)",
    "mustHas": "lists.has(budget, any, any)",
    "mustInitial": "lists.initial(any)",
    "mustLast": "lists.last(any)",
    "mustPrepend": "lists.prepend(any, any)",
    "mustPush": "lists.push(any, any)",
    "mustRest": "lists.rest(any)",
    "mustReverse": "lists.reverse(any)",
    "mustSlice": "lists.slice_(any, any...)",
    "mustUniq": "lists.uniq(budget, any)",
    "mustWithout": "lists.without(budget, any, any...)",
    "prepend": "lists.prepend(any, any)",
    "push": "lists.push(any, any)",
    "rest": "lists.rest(any)",
    "reverse": "lists.reverse(any)",
    "seq": "lists.seq(int...)",
    "slice": "lists.slice_(any, any...)",
    "tuple": "lists.list_(any...)",
    "uniq": "lists.uniq(budget, any)",
    "until": "lists.until(int)",
    "untilStep": "lists.until_step(int, int, int)",
    "without": "lists.without(budget, any, any...)",
    "deepCopy": "dicts.deep_copy(budget, any)",
    "dict": "dicts.dict_(budget, any...)",
    "dig": "dicts.dig(any...)",
    "get": "dicts.get(dict, string)",
    "hasKey": "dicts.has_key(dict, string)",
    "keys": "dicts.keys(dict...)",
    "merge": "dicts.merge(budget, dict, dict...)",
    "mergeOverwrite": "dicts.merge_overwrite(budget, dict, dict...)",
    "mustDeepCopy": "dicts.deep_copy(budget, any)",
    "mustMerge": "dicts.merge(budget, dict, dict...)",
    "mustMergeOverwrite": "dicts.merge_overwrite(budget, dict, dict...)",
    "omit": "dicts.omit(dict, string...)",
    "pick": "dicts.pick(dict, string...)",
    "pluck": "dicts.pluck(string, dict...)",
    "set": "dicts.set_(dict, string, any)",
    "unset": "dicts.unset(dict, string)",
    "values": "dicts.values(dict)",
    "add": "math.add(any...)",
    "add1": "math.add1(any)",
    "add1f": "math.add1f(any)",
    "addf": "math.addf(any...)",
    "biggest": "math.max_(any, any...)",
    "ceil": "math.ceil(any)",
    "div": "math.div(any, any)",
    "divf": "math.divf(any, any...)",
    "floor": "math.floor(any)",
    "max": "math.max_(any, any...)",
    "maxf": "math.maxf(any, any...)",
    "min": "math.min_(any, any...)",
    "minf": "math.minf(any, any...)",
    "mod": "math.mod(any, any)",
    "mul": "math.mul(any, any...)",
    "mulf": "math.mulf(any, any...)",
    "round": "math.round_(any, int, float64...)",
    "sub": "math.sub(any, any)",
    "subf": "math.subf(any, any...)",
    "all": "types.all_(any...)",
    "any": "types.any_(any...)",
    "atoi": "types.atoi(string)",
    "coalesce": "types.coalesce(any...)",
    "deepEqual": "types.deep_equal_(budget, any, any)",
    "default": "types.default(any, any...)",
    "empty": "types.empty(any)",
    "float64": "types.to_float64(any)",
    "int": "types.int_(any)",
    "int64": "types.int64(any)",
    "kindIs": "types.kind_is(string, any)",
    "kindOf": "types.kind_of_(any)",
    "ternary": "types.ternary(any, any, bool)",
    "toDecimal": "types.to_decimal(budget, any)",
    "toString": "types.text_of(budget, any)",
    "toStrings": "types.to_strings(budget, any)",
    "typeIs": "types.type_is(string, any)",
    "typeIsLike": "types.type_is_like(string, any)",
    "typeOf": "types.type_of_(any)",
    "adler32sum": "encoding.adler32sum(string)",
    "b32dec": "encoding.b32dec(string)",
    "b32enc": "encoding.b32enc(string)",
    "b64dec": "encoding.b64dec(string)",
    "b64enc": "encoding.b64enc(string)",
    "fromJson": "encoding.from_json(budget, string)",
    "mustFromJson": "encoding.must_from_json(budget, string)",
    "mustToJson": "encoding.must_to_json(budget, any)",
    "mustToPrettyJson": "encoding.must_to_pretty_json(budget, any)",
    "mustToRawJson": "encoding.to_raw_json(budget, any)",
    "sha1sum": "encoding.sha1sum(string)",
    "sha256sum": "encoding.sha256sum(string)",
    "sha512sum": "encoding.sha512sum(string)",
    "toJson": "encoding.to_json(budget, any)",
    "toPrettyJson": "encoding.to_pretty_json(budget, any)",
    "toRawJson": "encoding.to_raw_json(budget, any)",
    "mustRegexFind": "regex.must_regex_find(budget, string, string)",
    "mustRegexFindAll": "regex.must_regex_find_all(budget, string, string, int)",
    "mustRegexMatch": "regex.must_regex_match(budget, string, string)",
    "mustRegexReplaceAll": "regex.must_regex_replace_all(budget, string, string, string)",
    "mustRegexReplaceAllLiteral": "regex.must_regex_replace_all_literal(budget, string, string, string)",
    "mustRegexSplit": "regex.must_regex_split(budget, string, string, int)",
    "regexFind": "regex.regex_find(budget, string, string)",
    "regexFindAll": "regex.regex_find_all(budget, string, string, int)",
    "regexMatch": "regex.regex_match(budget, string, string)",
    "regexQuoteMeta": "regex.regex_quote_meta(string)",
    "regexReplaceAll": "regex.regex_replace_all(budget, string, string, string)",
    "regexReplaceAllLiteral": "regex.regex_replace_all_literal(budget, string, string, string)",
    "regexSplit": "regex.regex_split(budget, string, string, int)",
    "base": "paths.base(string)",
    "clean": "paths.clean(string)",
    "dir": "paths.dir_(string)",
    "ext": "paths.ext(string)",
    "isAbs": "paths.is_abs(string)",
    "osBase": "paths.base(string)",
    "osClean": "paths.clean(string)",
    "osDir": "paths.dir_(string)",
    "osExt": "paths.ext(string)",
    "osIsAbs": "paths.is_abs(string)",
    "semver": "paths.semver(string)",
    "semverCompare": "paths.semver_compare(string, string)",
    "urlJoin": "paths.url_join(dict)",
    "urlParse": "paths.url_parse(string)",
    "duration": "dates.duration(any)",
    "durationRound": "dates.duration_round(any)",
    "mustDateModify": "dates.must_date_modify(string, time)",
    "mustToDate": "dates.must_to_date(string, string)",
    "must_date_modify": "dates.must_date_modify(string, time)",
    "toDate": "dates.to_date(string, string)",
    "unixEpoch": "dates.unix_epoch(time)",
    "fail": "types.fail(string)",
}
"""sprig v3.3.0 ``HermeticTxtFuncMap`` without what is refused."""

_RANDOM = "its result is random, and a commit message should say the same for the same change"
_CLOCK = "its result depends on the clock, and a commit message should say the same for the same change"
_SECRET = "it makes keys or passwords, and a commit message is no place for secrets"  # noqa: S105
REFUSED: Final = {
    "ago": _CLOCK,
    **dict.fromkeys(("randInt", "shuffle"), _RANDOM),
    **dict.fromkeys(
        (
            "bcrypt", "buildCustomCert", "decryptAES", "derivePassword", "encryptAES", "genCA", "genCAWithKey",
            "genPrivateKey", "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey",
            "htpasswd",
        ),
        _SECRET,
    ),
}  # fmt: skip
"""Functions that Flux offers and imagesetter does not, and why."""

FUNCTIONS: Final = {**BUILTINS, **SPRIG}
_TYPES: Final = {
    "any": ANY, "bool": BOOL, "dict": DICT, "float64": FLOAT64, "int": INT, "string": STRING, "value": REFLECT_VALUE,
}  # fmt: skip


def library(budget: Budget) -> Library:
    """How a rendering gets at the functions; those that may need much draw on *budget*."""

    @cache
    def find(name: str) -> Function:
        function, metered = _load(name)
        return function._replace(call=partial(function.call, budget)) if metered else function

    return find


@cache
def _load(name: str) -> tuple[Function, bool]:
    """Import a function's module and read its line of the catalogue."""
    path, _, rest = FUNCTIONS[name].partition("(")
    module_name, _, attribute = path.partition(".")
    module = import_module(f"imagesetter.golang.template.functions.{module_name}")
    names = [param.strip() for param in rest.removesuffix(")").split(",") if param]
    metered = names[:1] == ["budget"]
    if metered:
        names = names[1:]
    params = tuple(_type(param.removesuffix("...")) for param in names)
    variadic = bool(names) and names[-1].endswith("...")
    return Function(getattr(module, attribute), params, variadic, name in BUILTINS), metered


def _type(name: str) -> Type:
    if name == "time":
        return TIME
    return _TYPES[name]

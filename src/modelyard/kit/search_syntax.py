"""MLflow's syntax of filters and orders, as SQL.

`name LIKE '%churn%' AND tags.team = 'a' AND creation_time > 1700000000000` becomes a condition and its arguments;
`name ASC, last_updated_timestamp DESC` becomes what stands behind ORDER BY. Values and names of tags are always
arguments, so nothing that a client writes becomes part of the SQL.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal

import msgspec

from modelyard.kit.errors import BadRequest

Kind = Literal["text", "number", "time"]

MAX_LENGTH = 10_000
"""Characters that a filter or an order may have."""


class Key(msgspec.Struct, frozen=True):
    """Something to search by: its SQL expression, what it holds, and its other names.

    A `time` is a timestamp in SQL and whole milliseconds since 1970 in filters.
    """

    sql: str
    kind: Kind = "text"
    aliases: tuple[str, ...] = ()


class Searchable(msgspec.Struct, frozen=True):
    """What a list can be searched by.

    `tags` is the jsonb column of tags, if there is one; `tag_defaults` are values that tags have where they are
    not set. A tag that is not set matches no comparison but IS NULL.
    """

    keys: Mapping[str, Key]
    tags: str | None = None
    tag_defaults: Mapping[str, str] = {}

    def key(self, name: str, part: str) -> Key:
        """The key of that name; raises BadRequest."""
        for main, key in self.keys.items():
            if name == main or name in key.aliases:
                return key
        raise BadRequest(f"There is no key '{name}' in '{part}'. The keys are {self.names()}.")

    def names(self) -> str:
        """The keys there are, for people."""
        return ", ".join([*self.keys, *(["tags.<name>"] if self.tags else [])])


class Condition(msgspec.Struct, frozen=True):
    """A condition in SQL, its arguments in the order of their placeholders, and the tags that it asks for."""

    sql: str
    arguments: list[object]
    tags: frozenset[str] = frozenset()


_QUOTED_NAME = r'`(?:``|[^`])*`|"(?:""|[^"])*"'
_NAME = re.compile(rf"(?:{_QUOTED_NAME}|[^\s=<>!(),'\"`]+)+")
_PREFIX = re.compile(r"[`\"]?(tags?|attr|attributes?)[`\"]?\.(?=.)", re.DOTALL)
_COMPARATOR = re.compile(
    r"!=|<=|>=|=|<|>|(?:I?LIKE|NOT\s+IN|IN|IS\s+NOT\s+NULL|IS\s+NULL)(?![\w.])", re.IGNORECASE
)
_TEXT = re.compile(r"'((?:''|\\'|[^'])*)'|\"((?:\"\"|\\\"|[^\"])*)\"")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,2})?(?![\w.])")
_AND = re.compile(r"AND(?![\w.])", re.IGNORECASE)
_DIRECTION = re.compile(r"(ASC|DESC)(?![\w.])", re.IGNORECASE)
_ASKS = re.compile(
    r"[=<>]|\bI?LIKE\s+['\"]|\bIN\s*\(|\bIS\s+(NOT\s+)?NULL\b|^\s*(tags?|attr|attributes?)\.", re.IGNORECASE
)

_TEXT_COMPARATORS = ("=", "!=", "LIKE", "ILIKE", "IN", "NOT IN")
_TAG_COMPARATORS = (*_TEXT_COMPARATORS, "IS NULL", "IS NOT NULL")
_NUMBER_COMPARATORS = ("=", "!=", "<", "<=", ">", ">=")


def condition(text: str | None, searchable: Searchable, first: int = 1) -> Condition:
    """A filter as a condition whose placeholders start at `$first`; `true` for none.

    Raises BadRequest, whose sentence names the part that cannot be read and the keys there are.
    """
    if not text or not text.strip():
        return Condition("true", [])
    return _Filter(_short(text), searchable, first).condition()


def search_box(text: str | None, searchable: Searchable, key: str = "name", first: int = 1) -> Condition:
    """What somebody typed into a search box: a filter, or plain words that `key` contains in any case."""
    if not text or not text.strip() or _ASKS.search(text):
        return condition(text, searchable, first)
    words = re.sub(r"([\\%_])", r"\\\1", _short(text).strip())
    return Condition(f"{searchable.keys[key].sql} ILIKE ${first}", [f"%{words}%"])


def ordering(order_by: Sequence[str] | str | None, searchable: Searchable, *last: str) -> str:
    """Orders as what stands behind ORDER BY, ending with `last`, which makes the order total.

    Raises BadRequest, whose sentence names the part that cannot be read and the keys there are.
    """
    items = [order_by] if isinstance(order_by, str) else list(order_by or ())
    terms: list[str] = []
    for item in items:
        if item.strip():
            terms += _Order(_short(item), searchable).terms()
    return ", ".join([*terms, *last])


def _short(text: str) -> str:
    if len(text) > MAX_LENGTH:
        raise BadRequest(f"A filter or order has at most {MAX_LENGTH:,} characters, this one {len(text):,}.")
    return text


class _Scanner:
    """Reads a text from left to right, one pattern after another."""

    def __init__(self, text: str, searchable: Searchable) -> None:
        self._text = text
        self._searchable = searchable
        self._at = 0
        self._skip()

    def _skip(self) -> None:
        rest = self._text[self._at :]
        self._at += len(rest) - len(rest.lstrip())

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._at)
        if found:
            self._at = found.end()
            self._skip()
        return found

    def _take_mark(self, mark: str) -> bool:
        return self._take(re.compile(re.escape(mark))) is not None

    def _ended(self) -> bool:
        return self._at == len(self._text)

    def _rest(self) -> str:
        rest = self._text[self._at :]
        return f"'{rest[:60]}{'...' if len(rest) > 60 else ''}'" if rest else "the end"

    def _name(self) -> tuple[bool, str, str]:
        """A name as (whether it is a tag's, the name without prefix and quotes, the name as written)."""
        found = self._take(_NAME)
        if not found:
            raise BadRequest(f"Expected a key at {self._rest()}. The keys are {self._searchable.names()}.")
        prefix = _PREFIX.match(found[0])
        name = _unquoted(found[0][prefix.end() :] if prefix else found[0])
        return bool(prefix and prefix[1].startswith("tag")), name, found[0]


class _Filter(_Scanner):
    """Comparisons joined by AND."""

    def __init__(self, text: str, searchable: Searchable, first: int) -> None:
        super().__init__(text, searchable)
        self._first = first
        self._arguments: list[object] = []
        self._tags: set[str] = set()

    def condition(self) -> Condition:
        parts = [self._comparison()]
        while not self._ended():
            if not self._take(_AND):
                raise BadRequest(
                    f"Expected AND at {self._rest()}; comparisons of a filter are joined by AND only."
                )
            parts.append(self._comparison())
        return Condition(" AND ".join(parts), self._arguments, frozenset(self._tags))

    def _argument(self, value: object) -> str:
        self._arguments.append(value)
        return f"${self._first + len(self._arguments) - 1}"

    def _comparison(self) -> str:
        is_tag, name, written = self._name()
        if is_tag and self._searchable.tags:
            self._tags.add(name)
            return self._compare_text(self._tag(name), _TAG_COMPARATORS, written)
        key = self._searchable.key(written if is_tag else name, written)
        if key.kind == "text":
            return self._compare_text(key.sql, _TEXT_COMPARATORS, written)
        return self._compare_number(key, written)

    def _tag(self, name: str) -> str:
        value = f"({self._searchable.tags} ->> {self._argument(name)}::text)"
        default = self._searchable.tag_defaults.get(name)
        return value if default is None else f"coalesce({value}, {self._argument(default)}::text)"

    def _comparator(self, allowed: tuple[str, ...], written: str) -> str:
        found = self._take(_COMPARATOR)
        given = " ".join(found[0].upper().split()) if found else ""
        if given not in allowed:
            at = f"not '{given}'" if given else f"and here stands {self._rest()}"
            raise BadRequest(f"'{written}' is compared by {', '.join(allowed)}, {at}.")
        return given

    def _compare_text(self, sql: str, allowed: tuple[str, ...], written: str) -> str:
        comparator = self._comparator(allowed, written)
        match comparator:
            case "IS NULL" | "IS NOT NULL":
                return f"{sql} {comparator}"
            case "IN":
                return f"{sql} = ANY({self._argument(self._values(written))}::text[])"
            case "NOT IN":
                return f"{sql} <> ALL({self._argument(self._values(written))}::text[])"
            case "LIKE" | "ILIKE":
                return f"{sql} {comparator} {self._argument(self._pattern(written))}::text"
            case _:
                return f"{sql} {_in_sql(comparator)} {self._argument(self._value(written))}::text"

    def _compare_number(self, key: Key, written: str) -> str:
        comparator = self._comparator(_NUMBER_COMPARATORS, written)
        value = self._argument(self._number(written))
        sql = key.sql if key.kind == "number" else f"floor(extract(epoch FROM {key.sql}) * 1000)"
        return f"{sql} {_in_sql(comparator)} {value}::numeric"

    def _value(self, written: str) -> str:
        found = self._take(_TEXT)
        if not found:
            raise BadRequest(f"'{written}' is compared with a text in quotes; here stands {self._rest()}.")
        quote, inner = found[0][0], found[0][1:-1]
        return inner.replace(quote * 2, quote).replace("\\" + quote, quote)

    def _pattern(self, written: str) -> str:
        pattern = self._value(written)
        if (len(pattern) - len(pattern.rstrip("\\"))) % 2:
            raise BadRequest(f"The pattern of '{written}' ends with a backslash that escapes nothing; write two.")
        return pattern

    def _values(self, written: str) -> list[str]:
        if not self._take_mark("("):
            raise BadRequest(f"'{written}' IN takes texts in parentheses; here stands {self._rest()}.")
        values = [self._value(written)]
        while self._take_mark(","):
            values.append(self._value(written))
        if not self._take_mark(")"):
            raise BadRequest(f"The list of '{written}' is not closed at {self._rest()}.")
        return values

    def _number(self, written: str) -> Decimal:
        quoted = self._take(_TEXT)
        found = _NUMBER.fullmatch(quoted[0][1:-1]) if quoted else self._take(_NUMBER)
        if not found:
            at = quoted[0] if quoted else self._rest()
            raise BadRequest(f"'{written}' is compared with a number; here stands {at}.")
        return Decimal(found[0])


class _Order(_Scanner):
    """Keys with ASC or DESC, separated by commas."""

    def terms(self) -> list[str]:
        terms = [self._term()]
        while not self._ended():
            if not self._take_mark(","):
                raise BadRequest(f"Expected ASC, DESC or a comma at {self._rest()}.")
            terms.append(self._term())
        return terms

    def _term(self) -> str:
        is_tag, name, written = self._name()
        if is_tag:
            raise BadRequest(f"'{written}' is a tag; lists are ordered by {', '.join(self._searchable.keys)}.")
        key = self._searchable.key(name, written)
        direction = self._take(_DIRECTION)
        return f"{key.sql} {direction[1].upper() if direction else 'ASC'}"


def _unquoted(name: str) -> str:
    quote = name[0]
    if len(name) > 1 and quote in '`"' and name[-1] == quote:
        return name[1:-1].replace(quote * 2, quote)
    return name


def _in_sql(comparator: str) -> str:
    return "<>" if comparator == "!=" else comparator

"""Xero's `where` and `order` parameters, compiled to SQL over the store's columns.

Understood: comparisons (= == != <> < <= > >=), AND OR && || ! and brackets, strings, numbers, true, false, null, guid("..."),
DateTime(y,m,d), nested names, and Contains, StartsWith, EndsWith, ToLower, ToUpper.
https://developer.xero.com/documentation/api/accounting/requests-and-responses#get-modified
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from sandbox.xero.books import fold
from sandbox.xero.problems import QueryParse

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_.]*)"""
    r"""|(?P<sign>&&|\|\||==|!=|<>|<=|>=|[=<>!(),.]))"""
)
_COMPARISONS = {"=": "=", "==": "=", "!=": "<>", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_TEXT_TESTS = {"Contains": "instr({0},?)>0", "StartsWith": "instr({0},?)=1", "EndsWith": "{0} LIKE '%'||?"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """SQL of a field; `form` says how its values are written: text, fold, time, date or bool."""

    sql: str
    form: str = "text"


def column_of(name: str, fields: Mapping[str, str], type_name: str) -> _Column:
    """`fields` gives a column, "" for a path in the body, or "@form:column" where values need another form."""
    if name not in fields:
        raise QueryParse(f"No property or field '{name.split('.')[0]}' exists in type '{type_name}'")
    text = fields[name]
    form, _, column = text[1:].partition(":") if text.startswith("@") else ("text", "", text)
    return _Column(sql=column or f"json_extract(body,'$.{name}')", form=form)


@dataclass(slots=True)
class _Parser:
    text: str
    fields: Mapping[str, str]
    type_name: str
    tokens: list[tuple[str, str]] = field(default_factory=list)
    values: list[object] = field(default_factory=list)
    position: int = 0

    def parse(self) -> str:
        self.tokens = _tokens(self.text)
        sql = self._any()
        if self.position < len(self.tokens):
            self._fail()
        return sql

    def _any(self) -> str:
        parts = [self._all()]
        while self._take("||", "OR"):
            parts.append(self._all())
        return " OR ".join(parts)

    def _all(self) -> str:
        parts = [self._one()]
        while self._take("&&", "AND"):
            parts.append(self._one())
        return " AND ".join(parts)

    def _one(self) -> str:
        if self._take("!"):
            return f"NOT ({self._one()})"
        if self._take("("):
            sql = self._any()
            self._expect(")")
            return f"({sql})"
        return self._comparison()

    def _comparison(self) -> str:
        kind, name = self._next()
        if kind != "name":
            self._fail()
        path, _, method = name.rpartition(".")
        if method in _TEXT_TESTS:
            return self._text_test(column_of(path, self.fields, self.type_name), method, guarded=path)
        if method in ("ToLower", "ToUpper"):
            return self._changed_case(column_of(path, self.fields, self.type_name), method)
        return self._compared(column_of(name, self.fields, self.type_name))

    def _changed_case(self, column: _Column, method: str) -> str:
        self._expect("(")
        self._expect(")")
        changed = _Column(sql=f"{method[2:]}({column.sql})", form=column.form)
        if self._take("."):
            return self._text_test(changed, self._next()[1], guarded=None)
        return self._compared(changed)

    def _text_test(self, column: _Column, method: str, *, guarded: str | None) -> str:
        if method not in _TEXT_TESTS:
            self._fail()
        if guarded and f"{guarded}!=null" not in self.text.replace(" ", ""):
            raise QueryParse("Object reference not set to an instance of an object.")
        self._expect("(")
        self.values.append(self._value(column))
        self._expect(")")
        return _TEXT_TESTS[method].format(column.sql)

    def _compared(self, column: _Column) -> str:
        if self._peek() in _COMPARISONS:
            return self._compare(column, _COMPARISONS[self._next()[1]])
        return f"{column.sql}=1" if column.form == "bool" else self._fail()

    def _compare(self, column: _Column, sign: str) -> str:
        value = self._value(column)
        if value is None:
            return f"{column.sql} IS {'NOT ' if sign == '<>' else ''}NULL"
        self.values.append(value)
        return f"{column.sql}{sign}?"

    def _value(self, column: _Column) -> object:
        kind, text = self._next()
        if kind == "string":
            plain = text[1:-1].replace('\\"', '"')
            return fold(plain) if column.form == "fold" else plain
        if kind == "number":
            return float(text)
        return self._named_value(column, text)

    def _named_value(self, column: _Column, text: str) -> object:
        if text.lower() == "null":
            return None
        if text.lower() in ("true", "false"):
            return int(text.lower() == "true")
        if text.lower() == "guid":
            return str(self._arguments()[0]).lower()
        if text == "DateTime":
            return _moment(self._arguments(), column)
        return self._fail()

    def _arguments(self) -> list[str]:
        self._expect("(")
        found = [self._next()[1].strip('"')]
        while self._take(","):
            found.append(self._next()[1])
        self._expect(")")
        return found

    def _peek(self) -> str:
        return self.tokens[self.position][1] if self.position < len(self.tokens) else ""

    def _next(self) -> tuple[str, str]:
        if self.position >= len(self.tokens):
            self._fail()
        self.position += 1
        return self.tokens[self.position - 1]

    def _take(self, *signs: str) -> bool:
        found = self._peek().upper() in signs
        self.position += found
        return found

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            self._fail()

    def _fail(self) -> str:
        raise QueryParse(f"Syntax error in filter expression '{self.text}'")


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise QueryParse(f"Syntax error (at index {position})")
        found.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return found


def _moment(arguments: list[str], column: _Column) -> object:
    try:
        numbers = [int(argument) for argument in arguments]
        if column.form == "time":
            return int(datetime(*numbers, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc,arg-type]
        return date(*numbers[:3]).isoformat()
    except (TypeError, ValueError):
        raise QueryParse("DateTime needs a valid year, month and day") from None


def compile_where(text: str, fields: Mapping[str, str], type_name: str) -> tuple[str, list[object]]:
    """SQL and its values; raises QueryParse where Xero could not read the filter either."""
    parser = _Parser(text, fields, type_name)
    return parser.parse(), parser.values


def compile_order(text: str | None, fields: Mapping[str, str], type_name: str) -> str:
    """SQL of `order`, for example `Date DESC`; ties are broken by id."""
    if not text:
        return ""
    parts = []
    for part in text.split(","):
        name, _, direction = part.strip().partition(" ")
        if direction.strip().upper() not in ("", "ASC", "DESC"):
            raise QueryParse(f"Syntax error in order expression '{text}'")
        parts.append(f"{column_of(name, fields, type_name).sql} {direction.strip().upper()}")
    return ", ".join([*parts, "id"])

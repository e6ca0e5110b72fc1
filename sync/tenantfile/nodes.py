"""Strict reading of YAML: every fault names its line. Nothing is guessed from how a value looks.

YAML 1.1 turns `NO` into false, `010` into eight and `1.10` into 1.1. So the text as written counts: where a text is
wanted, it is the text; an unquoted decimal is refused everywhere, because a float has lost digits before we see it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import yaml

from connectors.contract.money import MoneyError, decimal_of
from sync.domain.days import DayFault, read_day

MAX_FILE = 1 << 20
MAX_DEPTH = 40
_FLOAT = re.compile(r"[-+]?(\d[\d_]*\.[\d_]*|\.\d[\d_]*)([eE][-+]?\d+)?|[-+]?\d[\d_]*[eE][-+]?\d+")
_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
_SWITCH = {"true": True, "false": False}


class FileFault(ValueError):
    """Something in the file is wrong. One clear line for the person who wrote it."""

    def __init__(self, message: str, *, line: int = 0) -> None:
        self.message = message
        self.line = line
        super().__init__(f"line {line}: {message}" if line else message)


def read(text: str) -> Mapping:
    """The file's one mapping. Raises FileFault for anything that is not plain YAML: anchors, tags, several documents."""
    if len(text) > MAX_FILE:
        raise FileFault("the file is larger than 1 MB")
    try:
        _refuse_tricks(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise FileFault(_problem(error), line=_marked_line(error)) from error
    except yaml.YAMLError as error:  # a character that YAML does not allow
        raise FileFault(f"is not YAML: {str(error).splitlines()[0]}") from error
    if node is None:
        raise FileFault("the file is empty")
    return Mapping(node, "the file")


class Mapping:
    """A mapping whose keys are known; each key is taken once, and nothing else may be there."""

    def __init__(self, node: yaml.Node, name: str) -> None:
        if not isinstance(node, yaml.MappingNode):
            raise FileFault(f"{name} must have keys and values", line=line_of(node))
        self.name = name
        self.line = line_of(node)
        self._values: dict[str, yaml.Node] = {}
        self._lines: dict[str, int] = {}
        for key, value in node.value:
            self._add(key, value)

    def _add(self, key: yaml.Node, value: yaml.Node) -> None:
        word = text(key, "a key")
        if word in self._values:
            raise FileFault(f"{word} is there twice", line=line_of(key))
        self._values[word] = value
        self._lines[word] = line_of(key)

    def only(self, *known: str) -> Mapping:
        """Refuse every other key."""
        for key, line in self._lines.items():
            if key not in known:
                raise FileFault(f"unknown key {key!r}; {self.name} has {', '.join(known)}", line=line)
        return self

    def get(self, key: str) -> yaml.Node | None:
        return self._values.get(key)

    def require(self, key: str) -> yaml.Node:
        if key not in self._values:
            raise FileFault(f"{key} is missing from {self.name}", line=self.line)
        return self._values[key]

    def line_of(self, key: str) -> int:
        return self._lines.get(key, self.line)

    def items(self) -> Iterator[tuple[str, yaml.Node]]:
        return iter(self._values.items())


def line_of(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def text(node: yaml.Node, name: str) -> str:
    """The text as it is written; ids may be quoted or not. Raises FileFault for nothing and for unquoted decimals."""
    if not isinstance(node, yaml.ScalarNode):
        raise FileFault(f"{name} must be a single value", line=line_of(node))
    value = str(node.value)
    if _is_plain(node) and _FLOAT.fullmatch(value):
        raise FileFault(f'{name} is an unquoted decimal: write "{value}"', line=line_of(node))
    if not value.strip() or (_is_plain(node) and value in _NOTHING):
        raise FileFault(f"{name} is empty", line=line_of(node))
    return value.strip()


def bounded(node: yaml.Node, name: str, longest: int) -> str:
    value = text(node, name)
    if len(value) > longest:
        raise FileFault(f"{name} is longer than {longest} characters", line=line_of(node))
    return value


def switch(node: yaml.Node, name: str) -> bool:
    value = text(node, name).lower()
    if not _is_plain(node) or value not in _SWITCH:
        raise FileFault(f"{name} must be true or false", line=line_of(node))
    return _SWITCH[value]


def whole(node: yaml.Node, name: str, *, low: int, high: int) -> int:
    value = text(node, name)
    if not re.fullmatch(r"\d{1,9}", value, re.ASCII) or not low <= int(value) <= high:
        raise FileFault(f"{name} must be a whole number from {low} to {high}, not {value!r}", line=line_of(node))
    return int(value)


def day(node: yaml.Node, name: str) -> date:
    value = text(node, name)
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
            raise ValueError(value)
        return read_day(value)
    except DayFault as fault:
        raise FileFault(f"{name}: {fault}", line=line_of(node)) from fault
    except ValueError as error:
        raise FileFault(f"{name} must be a date like 2026-01-31, not {value!r}", line=line_of(node)) from error


def money(node: yaml.Node, name: str) -> Decimal:
    """A decimal of at least zero, quoted."""
    value = text(node, name)
    try:
        amount = decimal_of(value)
    except MoneyError as error:
        raise FileFault(f'{name} must be an amount like "50000.00", not {value!r}', line=line_of(node)) from error
    if amount < 0:
        raise FileFault(f"{name} must not be negative", line=line_of(node))
    return amount


def choice(node: yaml.Node, name: str, possible: Iterable[str]) -> str:
    value, known = text(node, name), tuple(possible)
    if value not in known:
        raise FileFault(f"{name} must be one of {', '.join(known)}, not {value!r}", line=line_of(node))
    return value


def items(node: yaml.Node, name: str, *, longest: int = 500) -> list[yaml.Node]:
    if not isinstance(node, yaml.SequenceNode):
        raise FileFault(f"{name} must be a list", line=line_of(node))
    if len(node.value) > longest:
        raise FileFault(f"{name} has {len(node.value)} entries; at most {longest} are possible", line=line_of(node))
    return list(node.value)


def plain(node: yaml.Node, name: str) -> Any:
    """Lists, dicts, texts and switches, for a reader that knows the shape itself. Numbers stay the text they are."""
    if isinstance(node, yaml.SequenceNode):
        return [plain(item, name) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        return {key: plain(value, key) for key, value in Mapping(node, name).items()}
    value = text(node, name)
    return _SWITCH.get(value, value) if _is_plain(node) else value


def at_path(node: yaml.Node, path: Iterable[str | int]) -> int:
    """The line of what a path leads to, or of the last thing on the way that exists."""
    for part in path:
        if isinstance(part, int) and isinstance(node, yaml.SequenceNode) and part < len(node.value):
            node = node.value[part]
        elif isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == str(part)), node)
    return line_of(node)


def _is_plain(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.style is None


def _refuse_tricks(text: str) -> None:
    """Anchors could make a small file huge, deep nesting could break a reader, tags could make objects."""
    depth = documents = line = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = int(event.start_mark.line) + 1 if event.start_mark else line
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise FileFault("anchors and aliases are not possible here", line=line)
        if getattr(event, "tag", None) not in (None, "!"):
            raise FileFault("tags are not possible here", line=line)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise FileFault("is nested too deeply", line=line)
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            raise FileFault("a file describes one tenant; a second document starts here", line=line)


def _problem(error: yaml.MarkedYAMLError) -> str:
    return f"is not YAML: {error.problem or error.context or 'cannot be read'}"


def _marked_line(error: yaml.MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    return int(mark.line) + 1 if mark else 0

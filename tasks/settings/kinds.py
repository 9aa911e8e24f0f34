"""The kinds of values of settings: how each is read, and how errors describe it."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class Wrong(ValueError):
    """A value is not of its kind; the text is a hint, or empty."""


class Kind(Protocol):
    """The kind of a setting's values, from its annotation."""

    @property
    def allowed(self) -> str:
        """Describe what is allowed, for an error."""

    def read(self, value: object) -> Any:
        """Return the value as the settings hold it; raises Wrong."""

    def of_text(self, text: str) -> object:
        """Return what a file would contain for a variable's text."""


def describe(value: object) -> str:
    """Describe a value that was found, for an error."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return f"{str(value).lower()} (yes or no)"
    if isinstance(value, int | float):
        return f"{value} (a number)"
    if isinstance(value, str):
        return f"'{value if len(value) <= 80 else value[:77] + '...'}' (text)"
    if isinstance(value, Mapping):
        return "a section (" + ", ".join(str(key) for key in value) + ")"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return f"{value} (a {type(value).__name__}: put it in quotes)"


@dataclass(frozen=True)
class Text:
    """A text; `hint` recognises a frequent mistake."""

    allowed: str = "text"
    pattern: str = r"[^\x00-\x1f\x7f]+"
    hint: Callable[[str], str] = lambda text: ""

    def read(self, value: object) -> str:
        """Return the text; raises Wrong."""
        if isinstance(value, bool | int | float):
            raise Wrong("put it in quotes")
        if not isinstance(value, str):
            raise Wrong
        if value != value.strip():
            raise Wrong("without blanks at its ends")
        if not re.fullmatch(self.pattern, value):
            raise Wrong(self.hint(value))
        return value

    def of_text(self, text: str) -> object:
        """Return the text."""
        return text


@dataclass(frozen=True)
class Whole:
    """A whole number within bounds."""

    minimum: int
    maximum: int | None = None
    unit: str = ""

    @property
    def allowed(self) -> str:
        """Describe the bounds."""
        upper = "" if self.maximum is None else f" to {self.maximum}"
        return f"a whole number from {self.minimum}{upper}{f', in {self.unit}' if self.unit else ''}"

    def read(self, value: object) -> int:
        """Return the number; raises Wrong."""
        if isinstance(value, str) and value.isdecimal():
            raise Wrong("without leading zeros" if value.startswith("0") else "without quotes")
        if isinstance(value, bool) or not isinstance(value, int):
            raise Wrong
        if value < self.minimum or (self.maximum is not None and value > self.maximum):
            raise Wrong
        return value

    def of_text(self, text: str) -> object:
        """Return the number of the text, or the text."""
        return int(text) if re.fullmatch(r"-?(?:0|[1-9][0-9]{0,17})", text) else text


@dataclass(frozen=True)
class Seconds:
    """A positive number of seconds, fractions included."""

    allowed: str = "a number above 0, in seconds"

    def read(self, value: object) -> float:
        """Return the number; raises Wrong."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            raise Wrong
        return float(value)

    def of_text(self, text: str) -> object:
        """Return the number of the text, or the text."""
        return float(text) if re.fullmatch(r"-?[0-9]{0,18}\.?[0-9]{0,18}", text) and re.search("[0-9]", text) else text


@dataclass(frozen=True)
class Money(Seconds):
    """A price in the currency of the account's bill."""

    allowed: str = "a number from 0"

    def read(self, value: object) -> float:
        """Return the price; raises Wrong."""
        return 0.0 if type(value) in (int, float) and value == 0 else super().read(value)


@dataclass(frozen=True)
class Amount:
    """A count, or a percentage of a whole that is known later."""

    allowed: str = 'a whole number from 1, or a percentage from "1%" to "100%"'

    def read(self, value: object) -> int | str:
        """Return the count, or the percentage; raises Wrong."""
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,3}%", value) and 1 <= int(value[:-1]) <= 100:
            return value
        if isinstance(value, str) and value.isdecimal():
            raise Wrong("without quotes, or with %")
        return Whole(1).read(value)

    def of_text(self, text: str) -> object:
        """Return the number of the text, or the text."""
        return Whole(1).of_text(text)


@dataclass(frozen=True)
class Flag:
    """Yes or no."""

    allowed: str = "true or false"

    def read(self, value: object) -> bool:
        """Return the truth; raises Wrong."""
        if not isinstance(value, bool):
            raise Wrong("without quotes" if isinstance(value, str) and self.of_text(value) != value else "")
        return value

    def of_text(self, text: str) -> object:
        """Return the truth of the text, or the text."""
        words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
        return words.get(text.lower(), text)


@dataclass(frozen=True)
class Texts:
    """A list of different texts of one kind."""

    item: Text
    minimum: int = 0
    separator: str = ","  # in a variable's text

    @property
    def allowed(self) -> str:
        """Describe what each item may be."""
        return f"a list, each item {self.item.allowed}" + (f"; at least {self.minimum}" if self.minimum else "")

    def read(self, value: object) -> tuple[str, ...]:
        """Return the texts; raises Wrong."""
        if isinstance(value, str):
            raise Wrong(f"write [{value}]")
        if not isinstance(value, list) or len(value) < self.minimum:
            raise Wrong
        texts = []
        for item in value:
            try:
                texts.append(self.item.read(item))
            except Wrong as wrong:
                raise Wrong(f"the item {describe(item)} is invalid{f': {wrong}' if str(wrong) else ''}") from wrong
            if texts.count(texts[-1]) > 1:
                raise Wrong(f"'{texts[-1]}' is there twice")
        return tuple(texts)

    def of_text(self, text: str) -> object:
        """Return the items between the separators."""
        return [item.strip() for item in text.split(self.separator)] if text.strip() else []


@dataclass(frozen=True)
class Page:
    """A page that the site must answer, and what is expected of it."""

    path: str
    status: int | None = None  # None: anything below 500, redirects on the same host followed
    text: str | None = None  # that the answer contains
    headers: tuple[tuple[str, str], ...] = ()  # name and text that the header of the answer contains

    def __str__(self) -> str:
        """Return it as the file has it."""
        headers = ", ".join(f"{name}: {text}" for name, text in self.headers)
        wanted = {"status": self.status, "text": self.text, "headers": f"{{{headers}}}" if headers else None}
        more = "".join(f", {name}: {value}" for name, value in wanted.items() if value is not None)
        return f"{{path: {self.path}{more}}}" if more else self.path


@dataclass(frozen=True)
class Pages:
    """A list of different pages: each a path, or a section with path, status, text and headers."""

    allowed: str = "a list, each item a path that begins with /, or {path: /, status: 200, text: words, headers: {Name: text}}"

    def read(self, value: object) -> tuple[Page, ...]:
        """Return the pages; raises Wrong."""
        if isinstance(value, str):
            raise Wrong(f"write [{value}]")
        if not isinstance(value, list):
            raise Wrong
        pages = tuple(self._page(item) for item in value)
        twice = [page.path for page in pages if [other.path for other in pages].count(page.path) > 1]
        if twice:
            raise Wrong(f"'{twice[0]}' is there twice")
        return pages

    def _page(self, item: object) -> Page:
        values = {"path": item} if isinstance(item, str) else item
        if not isinstance(values, Mapping) or not {"path"} <= set(values) <= {"path", "status", "text", "headers"}:
            raise Wrong(f"the item {describe(item)} is invalid")
        try:
            return Page(
                Text("a path", r"/(?!/)[!-~]*").read(values["path"]),
                None if values.get("status") is None else Whole(100, 599).read(values["status"]),
                None if values.get("text") is None else Text().read(values["text"]),
                tuple(self._headers({} if values.get("headers") is None else values["headers"])),
            )
        except Wrong as wrong:
            raise Wrong(f"the item {describe(item)} is invalid{f': {wrong}' if str(wrong) else ''}") from wrong

    def _headers(self, value: object) -> Iterator[tuple[str, str]]:
        if not isinstance(value, Mapping):
            raise Wrong("headers: write {Name: text}")
        for name, text in value.items():
            yield Text("the name of a header", r"[A-Za-z0-9!#$%&'*+.^_`|~-]+").read(name), "" if text == "" else Text().read(text)

    def of_text(self, text: str) -> object:
        """Return the paths between the commas."""
        return [item.strip() for item in text.split(",")] if text.strip() else []


@dataclass(frozen=True)
class Tags:
    """Keys and values for AWS resources (EC2 User Guide, "Tag restrictions"); ours and Amazon's prefixes are reserved."""

    allowed: str = "up to 40 tags, each key: text; keys up to 128 letters, not beginning with aws: or ramped:, values up to 256"

    def read(self, value: object) -> dict[str, str]:
        """Return the tags; raises Wrong."""
        if not isinstance(value, Mapping) or len(value) > 40:
            raise Wrong
        for key, text in value.items():
            if not isinstance(key, str) or not isinstance(text, str):
                raise Wrong(f"{key}: found {describe(text)}; put it in quotes")
            if not 0 < len(key) <= 128 or len(text) > 256 or key.lower().startswith(("aws:", "ramped:")) or key == "Name":
                raise Wrong(f"{key} is invalid" + (": the image's name is image.name" if key == "Name" else ""))
        return dict(value)

    def of_text(self, text: str) -> object:
        """Return the tags of key=value,key=value, or the text."""
        pairs = [pair.partition("=") for pair in text.split(",")] if text.strip() else []
        return {key.strip(): value.strip() for key, _, value in pairs} if all(equals for _, equals, _ in pairs) else text

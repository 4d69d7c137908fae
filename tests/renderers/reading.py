"""What a reader or a plugin finds in a page, by the standard library's parser."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

#: Elements without an end tag.
VOID = {"br", "img", "meta"}


@dataclass
class Prescribed:
    """One `kerasdoctor-prescription` with its code."""

    identifier: str = ""
    code: str = ""
    opened: bool = False


@dataclass
class Reading:
    tags: list[str] = field(default_factory=list)
    classes: set[str] = field(default_factory=set)
    attributes: list[tuple[str, str, str]] = field(default_factory=list)
    prescriptions: list[Prescribed] = field(default_factory=list)
    #: All text that is shown, code apart.
    prose: str = ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.reading = Reading()
        self.path: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.reading.tags.append(tag)
        self.reading.classes |= set(attributes.get("class", "").split())
        self.reading.attributes += [(tag, name, value) for name, value in attributes.items()]
        if attributes.get("class") == "kerasdoctor-prescription":
            self.reading.prescriptions.append(Prescribed())
        if tag == "details" and self._inside("kerasdoctor-prescription"):
            self.reading.prescriptions[-1].opened = "open" in attributes
        if tag not in VOID:
            self.path.append((tag, attributes))

    def handle_endtag(self, tag: str) -> None:
        opened, _attributes = self.path.pop()
        assert opened == tag, f"</{tag}> closes <{opened}>"

    def handle_data(self, data: str) -> None:
        inside = [tag for tag, _attributes in self.path]
        if "style" in inside:
            return
        if self._inside("kerasdoctor-id"):
            self.reading.prescriptions[-1].identifier += data
        if self._inside("kerasdoctor-code"):
            assert inside[-2:] == ["pre", "code"]
            self.reading.prescriptions[-1].code += data
        else:
            self.reading.prose += data

    def _inside(self, name: str) -> bool:
        return any(attributes.get("class") == name for _tag, attributes in self.path)


def read(page: str) -> Reading:
    """The page as it is found; asserts that its elements are nested rightly."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert not reader.path
    return reader.reading

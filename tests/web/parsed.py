"""A page as a test reads it: its elements, and its words."""

from dataclasses import dataclass
from html.parser import HTMLParser

VOID = {"meta", "link", "input", "img"}


@dataclass
class Element:
    name: str
    attributes: dict
    text: str = ""


class Page(HTMLParser):
    """The elements of a page in document order, each with all text inside it."""

    def __init__(self, html):
        super().__init__()
        self.elements, self._open, self.words = [], [], ""
        self.feed(html)
        self.close()
        assert not self._open, f"never closed: {[element.name for element in self._open]}"

    def handle_starttag(self, tag, attrs):
        assert len(attrs) == len(dict(attrs)), f"attribute twice in <{tag}>: {attrs}"
        self.elements.append(Element(tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(self.elements[-1])

    def handle_endtag(self, tag):
        assert self._open, f"</{tag}> without start"
        assert self._open.pop().name == tag

    def handle_data(self, data):
        self.words += data
        for element in self._open:
            element.text += data

    def all(self, tag, /, **attributes):
        wanted = attributes.items()
        return [e for e in self.elements if e.name == tag and wanted <= e.attributes.items()]

    def one(self, tag, /, **attributes):
        (found,) = self.all(tag, **attributes)
        return found

    def outline(self):
        return [(element.name, sorted(element.attributes)) for element in self.elements]

"""Reads a page of the library, and checks that it is whole."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "img", "source", "br", "wbr", "input"}


class Reader(HTMLParser):
    """Collects text and attributes, and checks that tags are closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.attributes, self.tags = [], "", [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader

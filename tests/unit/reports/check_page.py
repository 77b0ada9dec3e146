#!/usr/bin/env python3
"""Reads a report strictly: check_page.py PAGE PLOTS [FILE …], where PLOTS is the expected number of plots or "any" and FILEs
are other files that the page may link to.

Fails on tags that do not nest, elements and attributes that the page never uses (scripts, images, handlers), ids used twice,
links that lead nowhere on the page, addresses of other places, headings that skip a level, tables without a caption, plots
without a title, and SVG that is not well-formed XML.
"""
import re
import sys
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

VOID = {"meta", "br"}
ALLOWED = set("""html head meta title style body header main footer section article nav h1 h2 h3 h4 p a ul li dl dt dd div span strong
code pre br figure figcaption details summary table caption thead tbody tr th td time svg g path rect circle polygon polyline
line defs use text tspan""".split())
ATTRIBUTES = set("""lang charset name content http-equiv class id href aria-label aria-hidden role tabindex scope colspan
data-label datetime title open style viewbox fill stroke stroke-width stroke-dasharray fill-opacity stroke-opacity d x y cx cy r
rx ry x1 x2 y1 y2 dx dy width height points transform text-anchor font-size font-weight shape-rendering""".split())


class Page(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=False)
        self.stack, self.ids, self.links, self.plots, self.errors = [], set(), [], 0, []
        self.level, self.last = 0, ""

    def handle_starttag(self, tag, attrs):
        self.start(tag, attrs)
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.start(tag, attrs)
        if "svg" not in self.stack:
            self.errors.append(f"<{tag}/> outside of SVG")

    def start(self, tag, attrs):
        if tag not in ALLOWED:
            self.errors.append(f"element <{tag}>")
        if re.fullmatch("h[1-6]", tag):
            if int(tag[1]) > self.level + 1:
                self.errors.append(f"<{tag}> below <h{self.level}>")
            self.level = int(tag[1])
        if self.last == "table" and tag != "caption":
            self.errors.append(f"<table> without a caption at line {self.getpos()[0]}")
        self.last = tag
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)):
            self.errors.append(f"<{tag}> repeats an attribute")
        for name, value in attrs:
            if name not in ATTRIBUTES:
                self.errors.append(f"attribute {name} of <{tag}>")
            if name == "id":
                if value in self.ids:
                    self.errors.append(f"id {value} twice")
                self.ids.add(value)
            if name == "href":
                self.links.append(value)
            if name == "style" and not re.fullmatch(r"((fill|stroke|color):var\(--[a-z0-9]+\);?)+", value):
                self.errors.append(f"style {value}")
            if name == "class" and value == "plot":
                self.plots += 1

    def handle_endtag(self, tag):
        if not self.stack or self.stack.pop() != tag:
            self.errors.append(f"</{tag}> at line {self.getpos()[0]} closes something else")

    def handle_charref(self, name):
        if not name.isdigit():
            self.errors.append(f"&#{name};")

    def handle_entityref(self, name):
        if name not in ("amp", "lt", "gt", "quot"):
            self.errors.append(f"&{name};")

    def handle_comment(self, data):
        self.errors.append("a comment")

    def unknown_decl(self, data):
        self.errors.append("a declaration")


def main():
    path, plots, *files = sys.argv[1:]
    with open(path, encoding="utf-8") as f: # fails on broken UTF-8
        text = f.read()
    page = Page()
    page.feed(text)
    page.close()
    if page.stack:
        page.errors.append(f"not closed: {page.stack}")
    for link in page.links:
        if link not in files and (not link.startswith("#") or link[1:] not in page.ids):
            page.errors.append(f"link {link}")
    if plots != "any" and page.plots != int(plots):
        page.errors.append(f"{page.plots} plots, not {plots}")
    if re.search(r"https?://|//[a-z]+\.|url\(|@import|javascript:", text):
        page.errors.append("an address of another place")
    for svg in re.findall(r"<svg.*?</svg>", text, re.S):
        ElementTree.fromstring(svg)
        if not re.search(r'aria-hidden="true"|aria-label="[^"]+"', svg):
            page.errors.append("a picture without a text")
    for needed in ('<!DOCTYPE html>', 'name="viewport"', 'prefers-color-scheme: dark', "default-src 'none'"):
        if needed not in text:
            page.errors.append(f"no {needed}")
    for error in page.errors[:20]:
        print(f"{path}: {error}", file=sys.stderr)
    sys.exit(1 if page.errors else 0)


main()

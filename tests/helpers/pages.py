"""HTML pages as tests read them: words, pictures and links, after the common checks."""

from __future__ import annotations

from html.parser import HTMLParser


class Page(HTMLParser):
    """Parser that collects text, addresses and open tags of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.alts: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        target = self.links if tag == "a" else self.addresses
        target += [found[name] or "" for name in ("src", "href") if name in found]
        self.ids += [found["id"] or ""] if "id" in found else []
        self.alts += [found.get("alt") or ""] if tag == "img" else []
        if tag not in ("meta", "img", "br", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Handle a tag that closes itself, as in SVG."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and not {"style", "svg", "script"} & set(self.open):
            self.words.append(data.strip())

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def parsed(html: str, *, scripts: bool = False) -> Page:
    """Parse a page and check: tags closed, no outside address, every picture described."""
    page = Page(html)
    assert page.open == []
    assert all(address.startswith(("data:image/", "data:video/mp4")) for address in page.addresses)
    assert all(link.removeprefix("#") in page.ids for link in page.links)
    assert all(page.alts)
    assert scripts or "<script" not in html
    assert "<script src" not in html and "url(" not in html and "@import" not in html
    assert 'name="viewport"' in html
    return page

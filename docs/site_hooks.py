"""Hooks of mkdocs for `make site`.

The pages have plain relative links, which GitHub follows too. So a link may lead out of `docs`. The site gets a page
for each such file: the text of a Markdown file, or the code of a script. It loads nothing from another host: the script
that draws Mermaid diagrams is a file of the site, on the pages that have a diagram.
"""

from __future__ import annotations

import logging
import posixpath
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"(?<=\]\()(?!\w+:|#|/)([^)\s#]+)(#[^)\s]*)?(?=\))")
LOADED = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)""")
ROW, CODE = re.compile(r"^\|.*$", re.MULTILINE), re.compile(r"`[^`\n]+`")
"""GitHub wants `\\|` for a bar in the code of a table; mkdocs shows the backslash."""
ON_GITHUB = "README.md"
"""The first page of the repository. The first page of the site has its place."""
HIDDEN = "---\nsearch: {exclude: true}\n---\n\n"
MERMAID = Path(sys.prefix, "mermaid.min.js")
"""`make site` puts it into the environment of mkdocs."""

log = logging.getLogger("mkdocs.hooks")


def place(path: str) -> str:
    """The page of the site for a path of the repository."""
    file = PurePosixPath(path)
    if path == ON_GITHUB:
        return "index.md"
    if file.parts[0] == "docs" and file.suffix == ".md":
        return file.relative_to("docs").as_posix()
    if file.suffix == ".md":
        return path if len(file.parts) == 1 else f"source/{path}"
    return f"source/{path}.md"


def resolved(path: str, link: str) -> str:
    """The path of the repository that a link of the page `path` leads to."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), link))


def with_links(path: str, text: str) -> str:
    """The text of the page `path`, with the links of its place on the site."""
    here = posixpath.dirname(place(path)) or "."

    def link(found: re.Match[str]) -> str:
        to = resolved(path, found[1])
        anchor = "" if place(to).startswith("source/") else found[2] or ""  # GitHub's #L12 is a line of a file
        return posixpath.relpath(place(to), here) + anchor if (ROOT / to).exists() else found[0]

    return LINK.sub(link, text)


def is_outside(path: str) -> bool:
    """Whether mkdocs does not find the file by itself."""
    return (ROOT / path).exists() and not (path.startswith("docs/") and path.endswith(".md"))


def outside(paths: Iterable[str]) -> dict[str, str]:
    """The pages of the site for the files outside `docs` among these, and for those that they lead to."""
    waiting, pages, seen = list(paths), dict[str, str](), {ON_GITHUB}
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            pages |= {place(path): page(path)} if is_outside(path) else {}
            waiting += leads_to(path)
    return pages


def leads_to(path: str) -> Iterator[str]:
    if path.endswith(".md"):
        for link, _ in LINK.findall((ROOT / path).read_text(encoding="utf-8")):
            to = resolved(path, link)
            if is_outside(to):
                yield to


def page(path: str) -> str:
    """The text of the site's page for a file or a folder outside `docs`."""
    file = ROOT / path
    if path.endswith(".md"):
        return with_links(path, file.read_text(encoding="utf-8"))
    if file.is_dir():
        names = (each.relative_to(file).as_posix() for each in file.rglob("*") if _is_shown(each))
        return f"{HIDDEN}# {path}\n\n" + "".join(f"- `{name}`\n" for name in sorted(names))
    language = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml"}.get(file.suffix, "text")
    return f"{HIDDEN}# {path}\n\n``````{language}\n{file.read_text(encoding='utf-8')}\n``````\n"


def _is_shown(file: Path) -> bool:
    return file.is_file() and "__pycache__" not in file.parts


def expanded(nav: list[Any], docs: Path) -> list[Any]:
    """The navigation, with the pages that its patterns stand for. A part without a page is left out."""
    found: list[Any] = []
    for entry in nav:
        if isinstance(entry, str) and "*" in entry:
            pages = sorted(docs.glob(entry), key=lambda file: (file.name != "README.md", file.name))
            found += [file.relative_to(docs).as_posix() for file in pages]
        elif isinstance(entry, dict):
            ((title, part),) = entry.items()
            part = expanded(part, docs) if isinstance(part, list) else part
            found += [{title: part}] if part else []
        else:
            found.append(entry)
    return found


def named(nav: list[Any]) -> Iterator[str]:
    """The pages in the navigation."""
    for entry in nav:
        for part in entry.values() if isinstance(entry, dict) else [entry]:
            yield from named(part) if isinstance(part, list) else [part]


def on_config(config: Any) -> Any:
    config.nav = expanded(config.nav, Path(config.docs_dir))
    return config


def on_files(files: Any, config: Any) -> Any:
    from mkdocs.structure.files import File, InclusionLevel

    pages = [f"docs/{file.src_uri}" for file in files.documentation_pages()]
    roots = [name for name in named(config.nav) if (ROOT / name).is_file()]
    for name, text in outside([*pages, *roots]).items():
        level = InclusionLevel.NOT_IN_NAV if name.startswith("source/") else InclusionLevel.UNDEFINED
        files.append(File.generated(config, name, content=text, inclusion=level))
    files.append(File.generated(config, "assets/mermaid.min.js", abs_src_path=str(MERMAID)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    text = markdown if page.file.generated_by else with_links(f"docs/{page.file.src_uri}", markdown)
    return ROW.sub(lambda row: CODE.sub(lambda code: code[0].replace("\\|", "|"), row[0]), text)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Add the script before those of the theme, which load Mermaid from another host if it is missing."""
    for url in LOADED.findall(output):
        log.warning("%s loads a file from another host: %s", page.file.src_uri, url)
    if '<pre class="mermaid">' not in output:
        return output
    script = posixpath.relpath("assets/mermaid.min.js", posixpath.dirname(page.file.dest_uri) or ".")
    added = f'<script src="{script}"></script>'
    return re.sub(r"(?=<script src=[^>]*assets/javascripts/bundle)", added, output, count=1)

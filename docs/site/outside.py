# ruff: noqa: INP001 — it is loaded by its path
"""A hook of MkDocs: links from docs/ to the rest of the repository, which the site doesn't hold.

On a site whose `repo_url` is set they lead there; without one the text stays, as text. A file that isn't there is an
error, as it is for any other link.
"""

import logging
import re
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+[^)#\s]+)(#[^)\s]*)?\)")

log = logging.getLogger("mkdocs.hooks.outside")


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Called by MkDocs with each page's source."""
    here = PurePosixPath("docs", page.file.src_uri).parent

    def outside(found: re.Match[str]) -> str:
        text, link, _ = found.groups()
        path = (ROOT / here / link).resolve()
        if path.is_relative_to(ROOT / "docs") or not path.is_relative_to(ROOT):
            return found[0]
        if not path.exists():
            log.warning("%s has a link to %s, which isn't there", page.file.src_uri, link)
        if not config["repo_url"]:
            return text
        return f"[{text}]({config['repo_url'].rstrip('/')}/blob/main/{path.relative_to(ROOT).as_posix()})"

    return LINK.sub(outside, markdown)

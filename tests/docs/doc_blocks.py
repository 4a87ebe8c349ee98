"""The fenced blocks of the documentation."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*(REPOSITORY / "docs").rglob("*.md"), REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md"],
    key=lambda page: page.relative_to(REPOSITORY).as_posix(),
)

# A fence may be indented, inside a list; its lines then are too.
_FENCE = re.compile(
    r"^(?P<indent>[ ]*)```(?P<language>\w+)(?P<options>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```[ ]*$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """
    One fenced block.

    :param page: where it stands, relative to the repository
    :param line: the number of its first line
    :param language: what its fence says
    :param title: the file name that its fence gives, or an empty text
    :param text: what is in it
    """

    page: str
    line: int
    language: str
    title: str
    text: str

    @property
    def place(self) -> str:
        """:return: for messages"""
        return f"{self.page}:{self.line}"


def name_of(page: Path) -> str:
    """:return: the page's path from the repository's root"""
    return page.relative_to(REPOSITORY).as_posix()


def blocks(page: Path, *languages: str) -> list[Block]:
    """
    :param page: a Markdown file
    :param languages: of which fences
    :return: its blocks in these languages, in order
    """
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        if match["language"] not in languages:
            continue
        title = re.search(r'title="([^"]*)"', match["options"])
        lines = [line.removeprefix(match["indent"]) for line in match["text"].splitlines()]
        found.append(
            Block(
                name_of(page),
                text.count("\n", 0, match.start()) + 2,
                match["language"],
                title[1] if title else "",
                "\n".join(lines) + "\n",
            )
        )
    return found


def command_lines(page: Path, program: str) -> Iterator[tuple[str, list[str]]]:
    """
    :param page: a Markdown file
    :param program: the name with which the lines begin
    :return: the place and the arguments of every such line in its shell blocks
    """
    for block in blocks(page, "sh", "bash", "console"):
        text = block.text.replace("\\\n", "  ")
        for line in text.splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words and words[0] == program:
                yield f"{block.place}: {line}", words[1:]

"""The extractor of fenced blocks and of the commands in them."""

from pathlib import Path

import pytest

from tests.e2e.documents.blocks import Block, blocks_of, commands_of

PAGE = """# Title

```console
$ one
```

<!-- not run: needs Docker -->
```sh
two
```

<!-- not run: needs Docker -->
A paragraph between.

```
three
```
"""


def console(text: str) -> Block:
    return Block("page.md", 1, "console", text, None)


def test_a_block_has_its_line_language_and_reason(tmp_path: Path) -> None:
    """A comment gives the reason of the block directly below it only."""
    path = tmp_path / "page.md"
    path.write_text(PAGE)

    assert blocks_of(path, "page.md") == [
        Block("page.md", 3, "console", "$ one\n", None),
        Block("page.md", 8, "sh", "two\n", "needs Docker"),
        Block("page.md", 15, "", "three\n", None),
    ]


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("$ one\n$ two\n", [("one", ""), ("two", "")]),
        ("$ one \\\n    --more\nprinted\n", [("one \\\n    --more", "printed")]),
        ("$ one -d '{\n  }'\n{}\n", [("one -d '{\n  }'", "{}")]),
        (
            "$ cat > f <<'END'\nit's\nEND\n$ two\n",
            [("cat > f <<'END'\nit's\nEND", ""), ("two", "")],
        ),
        ("$ one # it's a note\nprinted\n", [("one # it's a note", "printed")]),
    ],
)
def test_a_console_block_is_split_at_its_prompts(
    text: str, commands: list[tuple[str, str]]
) -> None:
    """A command goes on while a quote, a backslash or a here-document is open."""
    assert [(each.text, each.output) for each in commands_of(console(text))] == commands


@pytest.mark.parametrize("text", ["printed\n", "$ one 'open\n", ""])
def test_a_console_block_without_a_whole_command_is_refused(text: str) -> None:
    """A block that cannot be read fails the test instead of passing unread."""
    with pytest.raises(ValueError, match=r"console block|no end"):
        list(commands_of(console(text)))

"""The comparison of a command's output with the output that a page shows."""

import pytest

from tests.e2e.documents.answers import is_as_shown

ANSWER = (
    '{"id":"01a20087-7346-77f5-b4a3-470d91a22086","n":2,"score":0.5,"items":[{"a":null},{"a":"x"}]}'
)


@pytest.mark.parametrize(
    "shown",
    [
        ANSWER,
        '{"id": "…", "n": 2, "score": 1.25, "items": [{"a": null}, {"a": "x"}]}',
        '{"id": "01a2ffff-7346-77f5-b4a3-470d91a22086",\n "n": 2, …}',
        '{…, "items": [{…}, …]}',
        '{"n": …, "items": …, …}',
        '{"items": […], …}',
        "{…}",
    ],
)
def test_an_answer_may_differ_in_ids_figures_and_omissions(shown: str) -> None:
    """Line breaks, ids and decimal figures may differ; `…` stands for members and values."""
    assert is_as_shown(shown, ANSWER)


@pytest.mark.parametrize(
    "shown",
    [
        '{"id": "…", "n": 2, "score": 0.5}',  # a member is missing
        '{"id": "…", "n": 2, "score": 0.5, "items": […], "more": 1}',
        '{"n": 3, …}',
        '{"score": 1, …}',
        '{"n": true, …}',
        '{"id": "an id", …}',
        '{"items": [{"a": null}], …}',
        '{"items": [{"a": "x"}, …], …}',
        '{"items": [{…}, {…}, {…}], …}',
        '{"none": …, …}',
        "[…]",
        "",
        "{…} {…}",
    ],
)
def test_an_answer_may_not_differ_otherwise(shown: str) -> None:
    """Members, integers, texts, types and lengths must be equal."""
    assert not is_as_shown(shown, ANSWER)


@pytest.mark.parametrize(
    ("shown", "same"),
    [
        ("3 rows of c1 at 2026-01-02T03:04:05Z (0.0 s).", True),
        ("3   rows of c1 at 2027-01-02T03:04:05.123Z\n(1.5 s).", False),
        ("4 rows of c1 at 2026-01-02T03:04:05Z (0.0 s).", False),
        ("3 rows …", True),
        ("…\n4 rows of c1 at 2026-01-02T03:04:05Z (0.0 s).", False),
        ("", False),
    ],
)
def test_a_text_may_differ_in_times_and_figures(shown: str, same: bool) -> None:
    """A text is compared by line, without regard to the width of its columns."""
    assert is_as_shown(shown, "3 rows of   c1 at 2026-11-30T10:11:12Z (2.3 s).\n") is same


def test_a_line_of_three_dots_stands_for_lines() -> None:
    """A page may leave out lines at the beginning, in the middle and at the end."""
    assert is_as_shown("…\nb\n…", "a\nb\nc\nd")
    assert is_as_shown("…\nb\n…", "b")
    assert not is_as_shown("…\nb\n…", "a\nc\nd")


def test_a_page_without_output_promises_silence() -> None:
    """A command that the page shows without output must print nothing."""
    assert is_as_shown("", "")
    assert not is_as_shown("", "a warning")

"""Render layers as inline SVG with vl-convert. The output has no script; no file or address is
read.

All positions are given, none depends on the measured width of a text, so a figure gives the same
bytes on every machine. Colours are CSS variables of the page, so one drawing serves light and dark
mode.
"""

import re
from collections.abc import Sequence

import vl_convert
from markupsafe import Markup, escape

from training.report.layers import Layer
from training.report.numbers import clean

_AXIS = 26  # pixels below the rows
_NO_ADDRESS: list[str] = []

_DECORATION = re.compile(r' (?:pointer-events|role|class|opacity|aria-[a-z]+)="[^"]*"')
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_EMPTY_PATH = re.compile(r'<path(?: (?:display="none"|d="[^"]*"))*/>')
_OPENING = re.compile(r'<svg [^>]*width="(\d+)" height="(\d+)"[^>]*>')
_TAG = re.compile(r"<[^>]+>")


def svg(layers: Sequence[Layer], width: int, height: int, about: str) -> Markup:
    """Return the SVG element; `about` is its description for screen readers."""
    spec = {
        "width": width,
        "height": height,
        "autosize": {"type": "none"},
        "padding": {"left": 0, "top": 0, "right": 0, "bottom": _AXIS},
        "layer": list(layers),
        "resolve": {"scale": {"x": "independent"}},
        "config": {"aria": False, "background": "transparent", "view": {"stroke": None}},
    }
    drawn = vl_convert.vegalite_to_svg(spec, allowed_base_urls=_NO_ADDRESS)
    return _inline(drawn, about)


def _inline(drawn: str, about: str) -> Markup:
    """Remove the attributes that an inline SVG does not need; add one description."""
    size = _OPENING.match(drawn)
    if size is None:
        raise ValueError("vl-convert answered with no SVG")
    body = _TAG.sub(lambda tag: _lean(tag[0]), drawn[size.end() :])
    box = f'viewBox="0 0 {size[1]} {size[2]}" width="{size[1]}" height="{size[2]}"'
    # Vega escapes the texts that it writes.
    return Markup(f'<svg {box} role="img" aria-label="{escape(clean(about))}">{body}')  # noqa: S704


def _lean(tag: str) -> str:
    short = _LONG_NUMBER.sub(lambda found: f"{float(found[0]):.2f}", _DECORATION.sub("", tag))
    return "" if _EMPTY_PATH.fullmatch(short) else short

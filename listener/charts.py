"""Small charts: SVG for pages, block characters for the terminal; values in, text out, the same each time.

A chart says in words what it shows, needs no script, no font of its own and nothing from elsewhere. Its colours come
from the page: classes and `currentColor`, so that it is right on light and on dark paper; `charts.css` tints them.
What has nothing to show is no chart: an empty text.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import svg
from markupsafe import escape

from listener.volume import LEAST_POSTS, Numbers, stretches
from listener.wording import counted, plain

BLOCKS: Final = "▁▂▃▄▅▆▇█"
PLAIN_BLOCKS: Final = "_.-:=+*#"
"""For terminals that have no block characters: as many steps, the taller the darker."""

WIDTH: Final = 320
"""Units, one for a pixel on the narrowest screen, so that letters are as large as those beside the chart."""
PARTS: Final = 6
"""Most parts of a mix; the smallest become "other"."""
NAME_CHARS: Final = 24
_BARS: Final = 56
_LINE: Final = 36
_MIX: Final = 14
_LETTERS: Final = 11
_GAP: Final = 2


def sparks(values: Sequence[float], encoding: str = "utf-8") -> str:
    """Draw values as a row of blocks, nothing as the lowest one; the tallest is the largest of them.

    `encoding`: the output's own; where it lacks blocks, characters of ASCII stand for them.
    """
    blocks = BLOCKS if _has_blocks(encoding) else PLAIN_BLOCKS
    most = max(values, default=0)
    return "".join(blocks[_step(value, most, len(blocks))] for value in values)


def sparks_of(numbers: Numbers, encoding: str = "utf-8") -> str:
    """Draw a topic's days, and say it where the last one stands out: `▁▁▂▁█ 42 posts, usually 3`."""
    row = sparks(numbers.volume, encoding)
    if numbers.spike is None:
        return row
    return f"{row} {counted(numbers.spike.posts, 'post')}, usually {numbers.spike.usual:.0f}"


def hours(numbers: Numbers) -> str:
    """Draw the hours of the day as bars, the loud ones strong, the quiet ones faint."""
    most = max(numbers.hours, default=0.0)
    if not most:
        return ""
    step = WIDTH / 24
    elements: list[svg.Element] = []
    for hour, rate in enumerate(numbers.hours):
        height = max(_BARS * rate / most, 1.0)
        tone = "loud" if hour in numbers.loud else "quiet" if hour in numbers.quiet else "usual"
        place = (hour * step + _GAP / 2, _BARS - height, step - _GAP, height)
        elements.append(_bar(place, tone, f"{hour:02}–{hour + 1:02}: {_rate(rate)} a day"))
    elements.append(_rule(_BARS + 0.5))
    ticks = [(0, "0", "start"), (6, "6", "middle"), (12, "12", "middle"), (18, "18", "middle"), (24, "24", "end")]
    elements += [_letters(hour * step, _BARS + _LETTERS + 4, text, anchor) for hour, text, anchor in ticks]
    return _chart(elements, _BARS + _LETTERS + 8, describe_hours(numbers))


def trend(numbers: Numbers, name: str) -> str:
    """Draw a topic's days as a line, its spikes as dots, the last day's count beside its end."""
    volume = numbers.volume
    if not any(volume):
        return ""
    # A few posts are no tower.
    most, step = max(*volume, LEAST_POSTS), (WIDTH - 40) / max(len(volume) - 1, 1)
    points = [
        svg.Point(round(4 + day * step, 1), round(4 + (_LINE - 8) * (1 - count / most), 1))
        for day, count in enumerate(volume)
    ]
    area = [svg.Point(points[0].x, _LINE - 4), *points, svg.Point(points[-1].x, _LINE - 4)]
    elements: list[svg.Element] = [
        svg.Polygon(points=area, class_=["area"], fill="currentColor", fill_opacity=0.12),
        _line(points),
    ]
    elements += [
        _dot(points[one.day], f"{counted(one.posts, 'post')}, usually {one.usual:.0f}") for one in numbers.spikes
    ]
    elements.append(
        _letters(float(points[-1].x) + 7, max(float(points[-1].y) + 4, _LETTERS - 1), _short(volume[-1]), "start")
    )
    return _chart(elements, _LINE, describe_trend(numbers, name))


def mix(counts: Mapping[str, int], name: str) -> str:
    """Draw what a whole is made of as one bar, the largest part first, each with its name and share below."""
    parts, total = _parts(counts), sum(counts.values())
    if not parts:
        return ""
    elements: list[svg.Element] = []
    left = 0.0
    for number, (part, count) in enumerate(parts):
        width = WIDTH * count / total
        said = f"{part}: {counted(count, 'post')}, {_share(count, total)}"
        elements.append(_bar((left, 0.0, max(width - _GAP, 1.0), _MIX), f"part{number}", said, _opacity(number)))
        left += width
    row = 0
    for number, (part, count) in enumerate(parts):
        row = number // 2
        x, y = (number % 2) * WIDTH / 2, _MIX + 8 + row * 17
        elements.append(_bar((x, y, 9.0, 9.0), f"part{number}", None, _opacity(number)))
        elements.append(_letters(x + 14, y + 9, f"{_cut(part)} {_share(count, total)}", "start"))
    return _chart(elements, _MIX + 8 + (row + 1) * 17, describe_mix(counts, name))


def describe_hours(numbers: Numbers) -> str:
    """Say in words when much and when little is said."""
    said = [
        f"{word} {', '.join(f'{start}–{end}' for start, end in stretches(found))}"
        for word, found in (("loud", numbers.loud), ("quiet", numbers.quiet))
        if found
    ]
    return "Hours of the day: " + ("; ".join(said) if said else "none stands out") + "."


def describe_trend(numbers: Numbers, name: str) -> str:
    """Say in words how much was said of a topic."""
    if not numbers.volume:
        return f"{plain(name)}: nothing counted."
    said = f"{plain(name)}: {counted(numbers.volume[-1], 'post')} in the last day"
    if numbers.spike is not None:
        said += f", usually {numbers.spike.usual:.0f}"
    return f"{said}; {counted(sum(numbers.volume), 'post')} in {counted(len(numbers.volume), 'day')}."


def describe_mix(counts: Mapping[str, int], name: str) -> str:
    """Say in words what a whole is made of."""
    total = sum(counts.values())
    parts = ", ".join(f"{part} {_share(count, total)}" for part, count in _parts(counts))
    return f"{plain(name)}: {parts or 'nothing'}."


def _parts(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    found = sorted(
        ((plain(name), count) for name, count in counts.items() if count > 0), key=lambda one: (-one[1], one[0])
    )
    if len(found) <= PARTS:
        return found
    return [*found[: PARTS - 1], ("other", sum(count for _, count in found[PARTS - 1 :]))]


def _share(count: int, total: int) -> str:
    share = 100 * count / total
    return "under 1 %" if share < 1 else f"{share:.0f} %"


def _rate(rate: float) -> str:
    return counted(round(rate), "post") if rate >= 10 or rate == int(rate) else f"{rate:.1f} posts"


def _short(count: int) -> str:
    return str(count) if count < 10_000 else f"{count // 1000}k"


def _cut(name: str) -> str:
    return name if len(name) <= NAME_CHARS // 2 + 2 else name[: NAME_CHARS // 2 + 1].rstrip() + "…"


def _opacity(number: int) -> float:
    return round(0.9 - 0.14 * number, 2)


def _step(value: float, most: float, steps: int) -> int:
    return min(int(value / most * steps), steps - 1) if most > 0 and value > 0 else 0


def _has_blocks(encoding: str) -> bool:
    try:
        BLOCKS.encode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True


# svg.py writes texts as they are: every one passes here first.
def _safe(text: str) -> str:
    return str(escape(plain(text)))


def _chart(elements: Sequence[svg.Element], height: float, said: str) -> str:
    drawn = svg.SVG(
        viewBox=svg.ViewBoxSpec(0, 0, WIDTH, round(height)),
        width=WIDTH,
        height=round(height),
        class_=["chart"],
        extra={"role": "img", "aria-label": _safe(said), "focusable": "false"},
        elements=[svg.Title(text=_safe(said)), *elements],
    )
    return str(drawn)


def _bar(
    place: tuple[float, float, float, float], tone: str, said: str | None, opacity: float | None = None
) -> svg.Rect:
    x, y, width, height = (round(value, 1) for value in place)
    strength = {"loud": 0.95, "usual": 0.5, "quiet": 0.22}.get(tone, opacity)
    title: list[svg.Element] = [] if said is None else [svg.Title(text=_safe(said))]
    return svg.Rect(
        x=x, y=y, width=width, height=height, rx=1.5, class_=[tone], fill="currentColor", fill_opacity=strength,
        elements=title,
    )  # fmt: skip


def _line(points: list[svg.Point]) -> svg.Polyline:
    return svg.Polyline(
        points=points, class_=["line"], fill="none", stroke="currentColor", stroke_width=1.5,
        stroke_linejoin="round", stroke_linecap="round",
    )  # fmt: skip


def _rule(y: float) -> svg.Line:
    return svg.Line(x1=0, y1=y, x2=WIDTH, y2=y, class_=["rule"], stroke="currentColor", stroke_opacity=0.3)


def _dot(place: svg.Point, said: str) -> svg.Circle:
    return svg.Circle(
        cx=place.x, cy=place.y, r=3.5, class_=["spike"], fill="currentColor", elements=[svg.Title(text=_safe(said))]
    )


def _letters(x: float, y: float, text: str, anchor: str) -> svg.Text:
    placed = {"start": "start", "middle": "middle"}.get(anchor, "end")
    return svg.Text(
        x=round(x, 1), y=round(y, 1), text=_safe(text), class_=["letters"], font_size=_LETTERS, fill="currentColor",
        fill_opacity=0.75, extra={"text-anchor": placed, "aria-hidden": "true"},
    )  # fmt: skip

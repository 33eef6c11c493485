"""Charts: small SVG that says in words what it shows and harms nobody; blocks for the terminal."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener import charts
from listener.volume import Numbers, Spike

SVG = "{http://www.w3.org/2000/svg}"
HOURS = (0.2,) * 6 + (4.0,) * 12 + (12.0,) * 2 + (3.0,) * 4
NUMBERS = Numbers((4,) * 20 + (30, 4, 4, 5, 3, 4, 4, 42), (Spike(20, 30, 4.0), Spike(27, 42, 4.0)), hours=HOURS)
counts = st.dictionaries(st.text(max_size=30), st.integers(0, 10**6), max_size=12)
volumes = st.lists(st.integers(0, 10**6), max_size=40).map(tuple)
rates = st.lists(st.floats(0, 1e6), min_size=24, max_size=24).map(tuple)


def drawn(chart: str) -> ElementTree.Element:
    return ElementTree.fromstring(chart)


def texts(chart: str) -> list[str]:
    return [found.text for found in drawn(chart).iter(f"{SVG}text")]


def test_blocks_rise_with_the_values():
    assert charts.sparks([0, 1, 2, 3, 4, 5, 6, 7, 8]) == "▁▂▃▄▅▆▇██"
    assert charts.sparks([0, 0, 0]) == "▁▁▁"
    assert charts.sparks([]) == ""
    assert charts.sparks([5]) == "█"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "koi8-r", "no-such-thing"])
def test_where_blocks_cannot_be_printed_other_characters_stand_for_them(encoding):
    found = charts.sparks([0, 4, 8], encoding)
    assert found.isascii()
    assert len(set(found)) == 3


def test_blocks_are_printed_where_they_can_be():
    assert charts.sparks([0, 8], "cp437") == charts.sparks([0, 8], "ascii")  # it has some of them only
    assert charts.sparks([0, 8], "utf-8") == "▁█"


def test_the_terminal_says_what_the_spike_is_against():
    assert charts.sparks_of(NUMBERS).endswith("█ 42 posts, usually 4")
    assert charts.sparks_of(Numbers((1, 2))) == "▅█"


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=60))
def test_a_larger_value_never_has_a_smaller_block(values):
    row = charts.sparks(values)
    assert len(row) == len(values)
    ranked = sorted(zip(values, row, strict=True))
    assert [block for _, block in ranked] == sorted(row, key=charts.BLOCKS.index)


def charts_of(numbers: Numbers, mixed, name: str) -> list[str]:
    found = [charts.hours(numbers), charts.trend(numbers, name), charts.mix(mixed, name)]
    return [chart for chart in found if chart]


@given(volumes, rates, counts, st.text(max_size=30))
def test_every_chart_is_one_harmless_picture_that_says_what_it_shows(volume, hours, mixed, name):
    spikes = (Spike(len(volume) - 1, volume[-1], 1.0),) if volume else ()
    numbers = Numbers(volume, spikes, hours=hours)
    for chart in charts_of(numbers, mixed, name):
        root = drawn(chart)
        assert (root.tag, root.get("role")) == (f"{SVG}svg", "img")
        assert root.get("aria-label") == root.find(f"{SVG}title").text
        assert chart.count("http") <= 1 + name.count("http") + sum(part.count("http") for part in mixed)
        allowed = {"svg", "title", "rect", "polyline", "polygon", "circle", "line", "text"}
        assert {found.tag.removeprefix(SVG) for found in root.iter()} <= allowed
        names = {key for found in root.iter() for key in found.attrib}
        assert not {key for key in names if key in ("id", "style", "href", "src") or key.startswith("on")}
    assert charts_of(numbers, mixed, name) == charts_of(numbers, mixed, name)


@given(volumes, rates, counts)
def test_nothing_is_drawn_outside_the_picture(volume, hours, mixed):
    for chart in charts_of(Numbers(volume, hours=hours), mixed, "x"):
        root = drawn(chart)
        width, height = (float(part) for part in root.get("viewBox").split()[2:])
        for bar in root.iter(f"{SVG}rect"):
            assert 0 <= float(bar.get("x")) <= float(bar.get("x")) + float(bar.get("width")) <= width + 1.1
            assert 0 <= float(bar.get("y")) <= float(bar.get("y")) + float(bar.get("height")) <= height + 0.11
        for text in root.iter(f"{SVG}text"):
            assert charts._LETTERS - 2 <= float(text.get("y")) <= height


def test_a_hostile_name_stays_a_name():
    name = '<script>alert("1")</script>&\u202e'
    for chart in (charts.mix({name: 3, "b": 1}, name), charts.trend(NUMBERS, name)):
        assert "<script" not in chart
        assert "\u202e" not in chart
        assert '<script>alert("1")</script>&' in drawn(chart).get("aria-label")


def test_loud_and_quiet_hours_look_different_and_are_said_in_words():
    chart = charts.hours(NUMBERS)
    tones = [bar.get("class") for bar in drawn(chart).iter(f"{SVG}rect")]
    assert tones == ["quiet"] * 6 + ["usual"] * 12 + ["loud"] * 2 + ["usual"] * 4
    assert drawn(chart).get("aria-label") == "Hours of the day: loud 18–20; quiet 0–6."
    assert texts(chart) == ["0", "6", "12", "18", "24"]


def test_a_spike_is_marked_where_it_was():
    root = drawn(charts.trend(NUMBERS, "Paybridge"))
    dots = [found.get("cx") for found in root.iter(f"{SVG}circle")]
    points = root.find(f"{SVG}polyline").get("points")
    xs = re.findall(r"([\d.]+)[ ,][\d.]+", points)
    assert dots == [xs[20], xs[27]]
    assert root.get("aria-label") == "Paybridge: 42 posts in the last day, usually 4; 176 posts in 28 days."


def test_a_few_posts_are_no_tower():
    one, many = (drawn(charts.trend(Numbers((0, 0, count)), "x")) for count in (1, 50))
    tops = [
        min(map(float, re.findall(r"[\d.]+[ ,]([\d.]+)", root.find(f"{SVG}polyline").get("points"))))
        for root in (one, many)
    ]
    assert tops[0] > 20 > tops[1]


def test_small_parts_are_put_together_and_no_share_is_lost():
    mixed = {"a": 50, "b": 20, "c": 10, "d": 8, "e": 6, "f": 4, "g": 2}
    assert charts.describe_mix(mixed, "Platforms") == "Platforms: a 50 %, b 20 %, c 10 %, d 8 %, e 6 %, other 6 %."
    bars = [bar for bar in drawn(charts.mix(mixed, "Platforms")).iter(f"{SVG}rect") if float(bar.get("height")) > 10]
    assert sum(float(bar.get("width")) + 2 for bar in bars) == pytest.approx(charts.WIDTH, abs=0.5)


def test_nothing_to_show_is_no_chart():
    assert (
        charts.hours(Numbers())
        == charts.trend(Numbers((0, 0)), "x")
        == charts.mix({}, "x")
        == charts.mix({"a": 0}, "x")
        == ""
    )
    assert charts.describe_hours(Numbers()) == "Hours of the day: none stands out."


def test_colours_come_from_the_page():
    for chart in charts_of(NUMBERS, {"a": 2, "b": 1}, "x"):
        painted = {found.get(key) for found in drawn(chart).iter() for key in ("fill", "stroke")}
        assert painted <= {"currentColor", "none", None}


def test_one_day_is_not_days():
    assert charts.describe_trend(Numbers(volume=(1,)), "All") == "All: 1 post in the last day; 1 post in 1 day."

"""The reference pages say what the program does, and what they promise can be pasted is taken."""

import subprocess
import sys

import click
import pytest

from docs import generate
from listener.cli import COMMANDS, cli
from listener.connector import connectors


@pytest.mark.parametrize("name", generate.pages())
def test_a_generated_page_is_what_the_program_says_of_itself(name):
    assert (generate.FOLDER / name).read_text() == generate.pages()[name], "run `make docs` and look at the difference"


SETTINGS = {"mail": {"news_host": "news.example.org"}}
"""What an example stands on: only configured mail and news servers are ever contacted."""


@pytest.mark.parametrize(
    ("name", "example"), [(name, example) for name, kind in connectors().items() for example in kind.traits.examples]
)
def test_what_a_connector_says_may_be_pasted_becomes_its_feed(name, example):
    kind = connectors()[name]
    if example.startswith("listener "):
        assert example.split()[1] in COMMANDS
        return
    found = kind(kind.settings_model.model_validate(SETTINGS.get(name, {})), None).feed_for(example)
    assert found is not None
    assert (found.connector, found.id) == (name, 0)


def test_every_connector_and_each_of_its_settings_is_in_the_table():
    page = generate.pages()["connectors.md"]
    for name, kind in connectors().items():
        section = page.split(f"\n## {name}\n")[1].split("\n## ")[0]
        assert [setting for setting in kind.settings_model.model_fields if f"| `{setting}` |" not in section] == []
        assert f"[`{name}`](#{name})" in page


def test_every_connector_has_its_section_in_the_example_configuration():
    example = (generate.FOLDER.parent / "config.example.toml").read_text()
    assert [name for name in connectors() if f"[connectors.{name}]" not in example] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_overview_is_there_and_says_what_it_does(name):
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.name == name
    assert (command.help or "").split()[0].strip(",") == COMMANDS[name][1].split()[0].strip(",")


def test_help_comes_without_any_heavy_library():
    """U1 of the speed goals: what `--help` imports is click and little else."""
    heavy = ["sklearn", "tweepy", "atproto", "fastapi", "numpy", "pydantic", "sqlite_utils", "feedparser", "rich"]
    code = "import sys; from listener.cli import answer; answer(['--help']); "
    code += f"print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_readme_shows_the_two_commands_that_matter():
    readme = (generate.FOLDER.parent / "README.md").read_text()
    assert "make run" in readme
    assert "make test" in readme
    for name in COMMANDS:
        assert f"`{name}" in readme or f"listener {name}" in readme, name

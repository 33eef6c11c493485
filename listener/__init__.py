"""Hear your whole network in one place: feeds in; leads, questions, news and a briefing out."""

__version__ = "0.1.0"

"""What a project asks of its annotators: one choice about one image."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, fromstring

from vicinal_label_studio.errors import ConfigRefused

__all__ = ["MAX_CONFIG", "Question", "question_of"]

MAX_CONFIG = 4 << 20
"""Most characters of a labelling configuration."""
_SINGLE = ("single", "single-radio")
_WANTED = 'vicinal answers projects with exactly one <Choices choice="single"> about one <Image>'


@dataclass(frozen=True)
class Question:
    """The one choice that annotators make about each image.

    Attributes:
        from_name: name of the Choices tag.
        to_name: name of the Image tag.
        key: key of the image's address in a task's data.
        classes: what may be chosen, at least two, in their order, as annotations name them.
    """

    from_name: str
    to_name: str
    key: str
    classes: tuple[str, ...]


def question_of(config: str) -> Question:
    """Return what `config`, a project's labelling configuration (XML), asks.

    Raises:
        ConfigRefused: it asks something else.
    """
    root = _parsed(config)
    choices = _only(root, "Choices")
    image = _only(root, "Image")
    for control in root.iter():
        if control.get("toName") is not None and control is not choices:
            raise ConfigRefused(f"{_WANTED}; this one has <{control.tag}> too")
    if choices.get("choice", "single") not in _SINGLE:
        raise ConfigRefused(f'{_WANTED}; this one has choice="{choices.get("choice")}"')
    if choices.get("perRegion", "false") == "true":
        raise ConfigRefused(f"{_WANTED}; this one asks about regions of it")
    to_name = image.get("name", "")
    if choices.get("toName") != to_name:
        raise ConfigRefused(f"{_WANTED}; here the choice is about {choices.get('toName')!r}")
    value = image.get("value", "")
    if not value.startswith("$") or len(value) < 2:
        raise ConfigRefused(f'<Image> needs value="$KEY", the key of the address in the data, not {value!r}')
    return Question(choices.get("name", ""), to_name, value[1:], _classes(choices))


def _parsed(config: str) -> Element:
    # Without a document type there are no entities, and without those nothing that expands or reads files.
    if len(config) > MAX_CONFIG or "<!" in config.replace("<!--", ""):
        raise ConfigRefused("the labelling configuration is too long, or declares a document type")
    try:
        return fromstring(config)  # noqa: S314
    except ParseError as error:
        raise ConfigRefused(f"the labelling configuration is no XML: {error}") from error


def _only(root: Element, tag: str) -> Element:
    found = list(root.iter(tag))
    if len(found) != 1:
        raise ConfigRefused(f"{_WANTED}; this one has {len(found)} of <{tag}>")
    return found[0]


def _classes(choices: Element) -> tuple[str, ...]:
    names = []
    for choice in choices.iter("Choice"):
        if choice.find("Choice") is not None:
            raise ConfigRefused(f"{_WANTED}; this one has choices within choices")
        names.append(choice.get("alias") or choice.get("value") or "")
    if len(names) < 2 or "" in names or len(set(names)) < len(names):
        raise ConfigRefused(f"{_WANTED}; it needs at least two different choices, and has {names}")
    return tuple(names)

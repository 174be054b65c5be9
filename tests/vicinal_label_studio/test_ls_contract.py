"""What anybody may send: read, or refused with a reason; nothing else comes of it."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vicinal_label_studio.contract import MOST_TASKS, read_event, read_object, read_predict, read_setup
from vicinal_label_studio.errors import ConfigRefused, RequestRefused
from vicinal_label_studio.labelconfig import question_of

KEYS = st.sampled_from(
    ["id", "task", "tasks", "annotation", "annotations", "project", "action", "schema", "x"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
OBJECT = st.dictionaries(KEYS, JSON, max_size=6)


@given(st.binary(max_size=200))
def test_any_bytes(body):
    with suppress(RequestRefused):
        assert isinstance(read_object(body), dict)


def test_json_that_is_too_deep_is_refused():
    with pytest.raises(RequestRefused):
        read_object(b"[" * 100_000)


@given(OBJECT)
def test_any_event(body):
    event = read_event(body)
    assert all(type(one) is int for one in (*event.tasks, *event.annotations))
    assert isinstance(event.action, str)


@given(OBJECT)
def test_any_predict(body):
    try:
        _, tasks = read_predict(body)
    except RequestRefused:
        return
    assert len(tasks) == len(body["tasks"])


@given(OBJECT)
def test_any_setup(body):
    try:
        _, schema = read_setup(body)
    except RequestRefused:
        return
    assert schema == body["schema"]


def test_events_as_label_studio_sends_them():
    created = {"action": "ANNOTATION_CREATED", "annotation": {"id": 1, "task": 7}, "project": {"id": 2}}
    assert read_event({**created, "task": {"id": 7}}).tasks == (7,)
    assert read_event(created).project == 2
    many = {"action": "ANNOTATIONS_CREATED", "annotation": [{"id": 1, "task": 7}, {"id": 2, "task": 8}]}
    assert read_event(many).tasks == (7, 8)
    assert read_event({"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 3}]}).annotations == (3,)
    assert read_event({"action": "TASKS_DELETED", "tasks": [{"id": 9}]}).tasks == (9,)


def test_predict_names_what_is_wrong():
    assert read_predict({"project": "2.1795", "tasks": [{"id": 4}]}) == (2, [4])
    with pytest.raises(RequestRefused, match=r"tasks\[1\]\.id"):
        read_predict({"tasks": [{"id": 4}, {"id": True}]})
    with pytest.raises(RequestRefused) as caught:
        read_predict({"tasks": [{"id": 1}] * (MOST_TASKS + 1)})
    assert caught.value.status == 413


def config(inner='<Choice value="a"/><Choice value="b"/>', choices="", image='value="$photo"', extra=""):
    return (
        f'<View><Image name="img" {image}/><Choices name="c" toName="img" {choices}>{inner}</Choices>'
        f"{extra}</View>"
    )


def test_one_choice_about_one_image():
    question = question_of(config('<Choice value="a"/><Choice value="B" alias="b"/>', 'choice="single"'))
    assert (question.from_name, question.to_name, question.key) == ("c", "img", "photo")
    assert question.classes == ("a", "b")


@pytest.mark.parametrize(
    ("xml", "why"),
    [
        ("<View>", "no XML"),
        ("<View/>", "0 of <Choices>"),
        (config(choices='choice="multiple"'), 'choice="multiple"'),
        (config(choices='perRegion="true"'), "regions"),
        (config(extra='<Image name="two" value="$b"/>'), "2 of <Image>"),
        (config(extra='<RectangleLabels name="r" toName="img"/>'), "<RectangleLabels>"),
        (config(extra='<Choices name="d" toName="img"/>'), "2 of <Choices>"),
        (config('<Choice value="a"/>'), "at least two"),
        (config('<Choice value="a"/><Choice value="a"/>'), "at least two"),
        (config('<Choice value="a"/><Choice value="b"><Choice value="c"/></Choice>'), "within"),
        (config(image='value="photo"'), "KEY"),
        ('<!DOCTYPE x [<!ENTITY a "aaaa">]>' + config(), "document type"),
        (config(image='value="$photo"').replace('toName="img"', 'toName="other"'), "about"),
    ],
)
def test_others_are_refused_with_a_reason(xml, why):
    with pytest.raises(ConfigRefused) as caught:
        question_of(xml)
    assert why in str(caught.value)


@given(st.text(max_size=100))
def test_any_configuration(xml):
    with pytest.raises(ConfigRefused):
        question_of(xml)


def test_a_comment_is_no_document_type():
    assert question_of(config(extra="<!-- why -->")).classes == ("a", "b")
    assert json.dumps(question_of(config()).classes)

"""However events are lost, doubled and reordered, vicinal says what Label Studio says."""

import asyncio
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vicinal_label_studio.contract import read_event

USERS = st.sampled_from([1, 2])
CHOICES = st.sampled_from(["red", "green", "blue", None])
PLACE = st.integers(0, 5)
ACTIONS = st.one_of(
    st.tuples(st.just("annotate"), PLACE, USERS, CHOICES, st.booleans()),
    st.tuples(st.just("change"), PLACE, st.sampled_from(["red", "green", "blue"])),
    st.tuples(st.just("delete annotation"), PLACE),
    st.tuples(st.just("delete task"), PLACE),
    st.tuples(st.just("add task")),
)
# Each step: what people do, then which of the events so far arrive, in any order and number.
STEPS = st.lists(
    st.tuples(st.lists(ACTIONS, max_size=4), st.lists(st.integers(0, 40), max_size=5)), max_size=5
)


def act(model, action):
    kind, *given = action
    tasks = sorted(model.tasks)
    notes = [(task, one) for task in tasks for one in model.tasks[task]["annotations"]]
    if kind == "add task":
        model.add_task()
    elif kind == "annotate" and tasks:
        model.annotate(tasks[given[0] % len(tasks)], *given[1:])
    elif kind == "delete task" and len(tasks) > 1:
        model.delete_task(tasks[given[0] % len(tasks)])
    elif kind == "change" and notes:
        model.change(*notes[given[0] % len(notes)], given[1])
    elif kind == "delete annotation" and notes:
        model.delete_annotation(*notes[given[0] % len(notes)])


def hear(rig, event):
    rig.bridge.hear(read_event(json.loads(json.dumps(event))))


async def history(make, model, steps):
    for _ in range(6):
        model.add_task()
    async with make() as rig:
        await rig.settle()
        for actions, arrivals in steps:
            for action in actions:
                act(model, action)
            for arrival in arrivals:
                hear(rig, model.events[arrival % len(model.events)])
            await rig.settle()
        await rig.survey()
        assert await rig.classes() == model.stated()
        assert await rig.samples() == {f"project-1-task-{task}" for task in model.tasks}
        assert rig.bridge.status.labels == len(model.stated())


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=STEPS)
def test_lost_doubled_and_reordered_events(new_rig, steps):
    with new_rig() as (make, model):
        asyncio.run(history(make, model, steps))


async def all_arrive(make, model, actions):
    for _ in range(4):
        model.add_task()
    async with make() as rig:
        await rig.settle()
        surveys = rig.bridge.status.surveys
        for action in actions:
            act(model, action)
        for event in reversed(model.events):
            hear(rig, event)
        await rig.settle()
        assert await rig.classes() == model.stated()
        return rig.bridge.status.surveys - surveys


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(actions=st.lists(ACTIONS, max_size=8))
def test_events_that_arrive_suffice(new_rig, actions):
    """Without a full comparison at the end; one is made only where an event does not say whose it is."""
    with new_rig() as (make, model):
        asyncio.run(all_arrive(make, model, actions))


async def test_an_event_costs_one_look_at_one_task(new_rig):
    with new_rig() as (make, model):
        tasks = [model.add_task() for _ in range(5)]
        async with make() as rig:
            await rig.settle()
            surveys = rig.bridge.status.surveys
            note = model.annotate(tasks[2], 1, "red")
            hear(rig, model.events[-1])
            await rig.settle()
            assert await rig.classes() == {(f"project-1-task-{tasks[2]}", "label-studio:1"): "red"}
            model.delete_annotation(tasks[2], note)
            hear(rig, model.events[-1])  # names the annotation, not its task
            await rig.settle()
            assert await rig.classes() == {}
            assert rig.bridge.status.surveys == surveys


async def test_counts_that_drift_tell_of_a_lost_event(new_rig):
    with new_rig() as (make, model):
        tasks = [model.add_task() for _ in range(3)]
        async with make() as rig:
            await rig.settle()
            assert not await rig.bridge.has_drifted()
            model.annotate(tasks[0], 1, "blue")
            assert await rig.bridge.has_drifted()
            await rig.survey()
            assert not await rig.bridge.has_drifted()


@pytest.mark.parametrize("side", ["label studio", "graph"])
async def test_what_happens_while_a_side_is_away_arrives_when_it_is_back(new_rig, services, side):
    with new_rig() as (make, model):
        tasks = [model.add_task() for _ in range(4)]
        async with make() as rig:
            await rig.settle()
            working = asyncio.create_task(rig.worker.run())
            await asyncio.sleep(0.2)
            if side == "graph":
                services[0].kill()
            model.away = side != "graph"
            for task in tasks:
                model.annotate(task, 1, "green")
                hear(rig, model.events[-1])
            await asyncio.sleep(0.5)
            assert rig.bridge.status.trouble or side == "graph"
            if side == "graph":
                await asyncio.to_thread(services[0].start)
            model.away = False
            async with asyncio.timeout(60):
                while rig.bridge.status.trouble or rig.bridge.status.working or not rig.bridge.is_idle:
                    await asyncio.sleep(0.05)
            assert await rig.classes() == model.stated()
            working.cancel()

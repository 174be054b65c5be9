"""Images in, predictions and suspicions out, in one life of the back end and in the next."""

import asyncio
from datetime import UTC, datetime

from vicinal_client import Trust
from vicinal_label_studio.importing import FetchRules

CLASSES = ("red", "green", "blue")


def true_class(task):
    """As the pictures of the model are made."""
    return CLASSES[task % 3]


def version(rig):
    return rig.bridge.wishes.model_version


async def test_every_open_task_gets_one_prediction_and_the_suggested_come_first(new_rig):
    with new_rig(queue=4) as (make, model):
        tasks = [model.add_task() for _ in range(30)]
        async with make() as rig:
            await rig.settle()
            assert model.model_version == version(rig), "annotators see our predictions"
            for task in tasks[:6]:
                model.annotate(task, 1, true_class(task))
                rig.bridge.agenda.look_at([task])
            await rig.settle()
            found = model.of_version(version(rig))
            assert {task: len(made) for task, made in found.items()} == dict.fromkeys(tasks, 1)
            open_tasks = [task for task in tasks if task not in tasks[:6]]
            order = sorted(open_tasks, key=lambda task: found[task][0]["score"])
            picks = await rig.graph.suggest(rig.bridge.wishes.dataset, 4)
            assert [f"project-1-task-{task}" for task in order[:4]] == [pick.sample_id for pick in picks]
            beliefs = await rig.graph.export_beliefs(rig.bridge.wishes.dataset)
            for name, index in zip(beliefs.sample_ids, beliefs.classes, strict=True):
                task = int(name.removeprefix("project-1-task-"))
                if task in open_tasks:
                    (region,) = found[task][0]["result"]
                    assert region["value"] == {"choices": [CLASSES[index]]}


async def test_the_queue_is_full_of_open_tasks_though_labels_were_only_given(new_rig):
    """vicinal would have somebody verify given labels first; Label Studio is done with their tasks."""
    with new_rig(queue=6, existing=Trust.GIVEN) as (make, model):
        tasks = [model.add_task() for _ in range(30)]
        for task in tasks[:15]:
            model.annotate(task, 1, true_class(task), cancelled=task % 5 == 0)
        async with make() as rig:
            await rig.settle()
            found = model.of_version(version(rig))
            queue = {task for task, (one,) in found.items() if one["score"] < 0.1}
            assert len(queue) == 6
            done = {task for task in tasks[:15] if task % 5}
            assert not queue & done


async def test_only_what_changed_is_rewritten(new_rig):
    with new_rig(queue=3) as (make, model):
        tasks = [model.add_task() for _ in range(24)]
        for task in tasks[:9]:
            model.annotate(task, 1, true_class(task))
        async with make() as rig:
            await rig.settle()
            await rig.survey()
            model.requests.clear()
            await rig.survey()
            assert {method for method, _ in model.requests} == {"GET"}, "nothing changed: nothing is written"
        async with make() as rig:
            await rig.settle()
            assert {method for method, _ in model.requests} == {"GET"}, "nor by another life"


async def test_a_prediction_is_changed_in_place(new_rig):
    with new_rig() as (make, model):
        tasks = [model.add_task() for _ in range(12)]
        async with make() as rig:
            await rig.settle()
            ids = {task: made[0]["id"] for task, made in model.of_version(version(rig)).items()}
            for task in tasks[:4]:
                model.annotate(task, 1, true_class(task))
            await rig.survey()
            after = {task: made[0]["id"] for task, made in model.of_version(version(rig)).items()}
            assert after == ids


async def test_doubled_predictions_are_cleared_away_and_those_of_others_stay(new_rig):
    with new_rig() as (make, model):
        tasks = [model.add_task() for _ in range(6)]
        async with make() as rig:
            await rig.settle()
            for number, name in ((901, version(rig)), (902, "somebody-else")):
                model.predictions[number] = {
                    "id": number,
                    "task": tasks[0],
                    "result": [],
                    "score": 0.5,
                    "model_version": name,
                }
            await rig.survey()
            assert 901 not in model.predictions
            assert 902 in model.predictions
            assert len(model.of_version(version(rig))[tasks[0]]) == 1


async def test_wrong_labels_are_shown_and_taken_back_when_corrected(new_rig):
    with new_rig(existing=Trust.GIVEN, min_suspicion=0.5) as (make, model):
        tasks = [model.add_task() for _ in range(45)]
        notes = {task: model.annotate(task, 1, true_class(task)) for task in tasks[:36]}
        wrong = tasks[5]
        model.change(wrong, notes[wrong], next(one for one in CLASSES if one != true_class(wrong)))
        async with make() as rig:
            await rig.settle()
            shown = model.of_version("vicinal-suspect")
            assert wrong in shown
            assert shown[wrong][0]["result"][0]["value"]["choices"] == [true_class(wrong)]
            assert rig.bridge.status.suspected == len(shown) < 10
            model.change(wrong, notes[wrong], true_class(wrong))
            rig.bridge.agenda.look_at([wrong])
            await rig.settle()
            assert wrong not in model.of_version("vicinal-suspect")


async def test_annotations_from_before_get_the_trust_that_was_asked_for(new_rig):
    with new_rig(existing=Trust.GIVEN) as (make, model):
        tasks = [model.add_task() for _ in range(4)]
        model.annotate(tasks[0], 1, "red")
        connected = datetime.fromisoformat(model.now())
        model.backends = [{"title": "vicinal", "model_version": "", "created_at": connected.isoformat()}]
        model.annotate(tasks[1], 1, "green")
        async with make() as rig:
            await rig.settle()
            assert rig.bridge.status.connected_at == connected.astimezone(UTC)
            trusts = {sample: label.trust for (sample, _), label in (await rig.labels()).items()}
            assert trusts == {
                f"project-1-task-{tasks[0]}": Trust.GIVEN,
                f"project-1-task-{tasks[1]}": Trust.VERIFIED,
            }


async def test_one_bad_image_is_one_failed_task(new_rig):
    with new_rig() as (make, model):
        good = [model.add_task() for _ in range(5)]
        bad = [
            model.add_task(url)
            for url in (
                "/data/upload/1/nothing.txt",
                "/api/projects/1/",
                "/data/../api/projects/1/",
                "http://127.0.0.1:9/x.png",
                "http://169.254.169.254/latest",
                "file:///etc/passwd",
                "data:image/png;base64,AAAA",
                "no address at all",
            )
        ]
        for task in bad:
            model.annotate(task, 1, "red")
        model.annotate(good[0], 1, "red")
        async with make() as rig:
            await rig.settle()
            assert await rig.samples() == {f"project-1-task-{task}" for task in good}
            assert set(rig.bridge.status.failed) == set(bad)
            assert await rig.classes() == {(f"project-1-task-{good[0]}", "label-studio:1"): "red"}
            for task in bad[1:3]:  # our token goes with what is asked of Label Studio
                assert "no image, by its path" in rig.bridge.status.failed[task]


async def test_a_label_waits_for_its_image(new_rig):
    with new_rig() as (make, model):
        model.add_task()
        late = model.add_task("/data/upload/1/missing")
        model.annotate(late, 1, "blue")
        async with make() as rig:
            await rig.settle()
            assert await rig.classes() == {}
            model.tasks[late]["url"] = f"/data/upload/1/{late}.png"
            await rig.survey()
            assert await rig.classes() == {(f"project-1-task-{late}", "label-studio:1"): "blue"}
            assert rig.bridge.status.failed == {}


async def test_classes_that_come_are_appended_and_unknown_choices_are_told(new_rig):
    with new_rig() as (make, model):
        task, other = model.add_task(), model.add_task()
        model.annotate(task, 1, "violet")
        async with make() as rig:
            await rig.settle()
            assert rig.bridge.status.unknown == {task: "violet"}
            model.config = model.config.replace("</Choices>", '<Choice value="violet"/></Choices>')
            rig.bridge.agenda.look_at_all()
            await rig.settle()
            assert rig.bridge.status.unknown == {}
            assert await rig.classes() == {(f"project-1-task-{task}", "label-studio:1"): "violet"}
            assert other


async def test_a_project_that_asks_something_else_is_refused_until_it_does_not(new_rig):
    with new_rig(fetch=FetchRules()) as (make, model):
        model.add_task()
        fitting, model.config = model.config, "<View/>"
        async with make() as rig:
            for _ in range(3):
                await rig.worker.attempt()
            assert "ConfigRefused" in rig.bridge.status.trouble
            model.config = fitting
            await rig.settle()
            assert rig.bridge.status.trouble is None
            assert rig.bridge.status.imported == 1


async def test_two_projects_on_one_dataset_leave_each_other_alone(new_rig):
    with new_rig() as (make, model):
        tasks = [model.add_task() for _ in range(6)]
        model.annotate(tasks[5], 1, "red")
        async with make() as rig:
            await rig.settle()
            samples, classes = await rig.samples(), await rig.classes()
            assert len(samples) == 6
    with new_rig(project=2, dataset=rig.bridge.wishes.dataset) as (make, model):
        tasks = [model.add_task() for _ in range(3)]
        model.annotate(tasks[0], 1, "blue")
        async with make() as rig:
            await rig.settle()
            await rig.survey()
            assert await rig.classes() == {**classes, ("project-2-task-1", "label-studio:1"): "blue"}
            assert await rig.samples() == samples | {f"project-2-task-{task}" for task in tasks}
            assert rig.bridge.status.labels == 1
            assert set(model.of_version(version(rig))) == set(tasks[1:])


async def test_a_project_may_be_emptied_and_filled_anew(new_rig):
    with new_rig() as (make, model):
        tasks = [model.add_task() for _ in range(3)]
        model.annotate(tasks[0], 1, "red")
        async with make() as rig:
            await rig.settle()
        for task in tasks:
            model.delete_task(task)
        late = model.add_task()
        model.annotate(late, 1, "blue")
        async with make() as rig:
            await rig.settle()
            assert await rig.samples() == {f"project-1-task-{late}"}
            assert await rig.classes() == {(f"project-1-task-{late}", "label-studio:1"): "blue"}


async def test_predict_answers_from_memory(new_rig):
    with new_rig() as (make, model):
        tasks = [model.add_task() for _ in range(12)]
        for task in tasks[:6]:
            model.annotate(task, 1, true_class(task))
        async with make() as rig:
            await rig.settle()
            await asyncio.sleep(0)
            model.away = True
            answered = rig.bridge.predictions([*tasks, 424242])
            assert len(answered) == 13
            written = model.of_version(version(rig))
            for task, one in zip(tasks[6:], answered[6:12], strict=True):
                assert one["result"] == written[task][0]["result"]
            assert answered[-1]["result"] == []

"""Each side is killed in the middle of work: no label is lost, none is there twice."""

import random
import threading
import time

import httpx
import pytest

IMAGES, CLICKS = 120, 40
pytestmark = pytest.mark.timeout(1500)


class Annotator(threading.Thread):
    """Clicks through tasks; one who sees an error clicks again."""

    def __init__(self, project, tasks):
        super().__init__(daemon=True)
        self.project, self.tasks, self.clicks, self.errors = project, tasks, 0, 0

    def run(self):
        for task in self.tasks:
            while True:
                try:
                    self.project.api.annotate(task, self.project.classes[task])
                    break
                except (httpx.TransportError, AssertionError):
                    self.errors += 1
                    time.sleep(0.5)
            self.clicks += 1
            time.sleep(0.1)


@pytest.mark.parametrize(
    "victims", [["back end"], ["graph"], ["platform"], ["back end", "graph", "platform"]]
)
def test_kill_9_in_the_middle(new_project, start_back_end, settled, labels_of, platform, graph, victims):
    project = new_project(IMAGES, f"killed: {', '.join(victims)}")
    back_end = start_back_end(project.id)
    back_end.connect()
    sides = {"back end": back_end, "graph": graph, "platform": platform}
    while back_end.status()["imported"] < IMAGES / 2:  # the first kill hits the import as well
        time.sleep(0.05)
    draw = random.Random(len(victims))
    annotator = Annotator(project, draw.sample(sorted(project.classes), CLICKS))
    annotator.start()
    for number in range(len(victims) * 2 if len(victims) == 1 else len(victims)):
        time.sleep(draw.uniform(0.5, 2.5))
        side = sides[victims[number % len(victims)]]
        side.kill()
        time.sleep(draw.uniform(0.2, 1.5))
        side.start()
    annotator.join(600)
    assert annotator.clicks == CLICKS
    status = settled(back_end)
    labels = labels_of(f"label-studio-{project.id}")
    stated = project.stated()
    met = f"{annotator.errors} clicks met an error"
    print(f"{victims}: {met}; {len(labels)} labels; {status['surveys']} comparisons since")
    assert len(stated) == CLICKS
    assert {key: one.class_name for key, one in labels.items()} == stated
    assert (status["imported"], status["failed_count"]) == (IMAGES, 0)
    version = f"vicinal-label-studio-{project.id}"
    open_tasks = {task["id"] for task in project.api.tasks(project.id) if not task["is_labeled"]}
    assert open_tasks <= set(project.api.predictions(project.id, version))
    back_end.stop()

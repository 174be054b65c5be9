"""The plugin as the App runs it: found in FiftyOne's folder, executed by FiftyOne's own executor."""

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from fiftyone.operators.executor import ExecutionContext, Executor

import vicinal_fiftyone as vf
from vicinal_client import Trust

URI = "@vicinal/vicinal"


@pytest.fixture(scope="module", autouse=True)
def plugin():
    return vf.install_plugin()


@pytest.fixture(autouse=True)
def where_the_services_are(graph_service, embed_service, monkeypatch):
    monkeypatch.setenv("VICINAL_GRAPH", graph_service.address)
    monkeypatch.setenv("VICINAL_EMBED", embed_service.address)


@pytest.fixture
def pushed(dataset, graph, embed):
    run("push", dataset, label_field="ground_truth", trust="given")
    dataset.reload()
    return dataset


def run(operator, dataset, selected=(), **params):
    return foo.execute_operator(f"{URI}/{operator}", dataset=dataset, selected=list(selected), params=params)


def asked_of_the_app(result):
    """What an operator asked of the App: operator -> parameters."""
    return {one.operator_uri.rpartition("/")[2]: one.params for one in result.executor._requests}


def form(operator, dataset, selected=()):
    """What an operator asks the user for."""
    request = {"dataset_name": dataset.name, "selected": list(selected), "params": {}}
    found = foo.get_operator(f"{URI}/{operator}")
    return found.resolve_input(ExecutionContext(request, executor=Executor())).to_json()


class Shown:
    """The panel, as the App would hold it: every event is one request with the state of the last one."""

    def __init__(self, dataset):
        self.dataset, self.state, self.data = dataset, {}, {}
        self.panel = foo.get_operator(f"{URI}/vicinal_overview")

    def fire(self, event):
        params = {"panel_id": "one", "panel_state": self.state, "__method__": event}
        executor = Executor()
        context = ExecutionContext({"dataset_name": self.dataset.name, "params": params}, executor=executor)
        self.panel.execute(context)
        self.asked = {one.operator_uri.rpartition("/")[2]: one.params for one in executor._requests}
        for one in executor._requests:
            if one.operator_uri.endswith("patch_panel_state"):
                self.state |= one.params["state"]
            if one.operator_uri.endswith("patch_panel_data"):
                self.data |= one.params["data"]
        self.layout = self.asked["show_panel_output"]["output"]
        return self

    @property
    def elements(self):
        return set(self.layout["type"]["properties"])


def test_fiftyone_finds_the_plugin(plugin):
    (definition,) = [one for one in fo.plugins.list_plugins() if one.name == URI]
    assert definition.directory == str(plugin)
    names = {one.name for one in foo.list_operators(builtin=False) if one.plugin_name == URI}
    assert names == {*definition.operators, *definition.to_dict()["panels"]}


def test_push_and_refresh(dataset, graph, name):
    asked = form("push", dataset)["type"]["properties"]
    assert asked["label_field"]["type"]["values"] == ["ground_truth"]
    assert asked["name"]["default"] == name
    result = run("push", dataset, label_field="ground_truth", trust="given")
    assert result.result == {"added": 510, "stated": 510, "refused": 0}
    assert "reload_dataset" in asked_of_the_app(result)
    dataset.reload()
    assert dataset.count("vicinal_belief") == 510
    assert form("push", dataset)["type"]["properties"]["label_field"]["type"]["values"] == ["ground_truth"]

    first = dataset.first()
    first["ground_truth"].label = "Bag"
    first.save()
    run("refresh", dataset)
    (label,) = [one for one in graph.list_labels(name).labels if one.sample_id == first.id]
    assert (label.class_name, label.trust) == ("Bag", Trust.VERIFIED)


def test_samples_are_labelled_shown_corrected_and_confirmed(pushed, graph, name):
    shown = run("show", pushed, what="suspected errors")
    assert asked_of_the_app(shown)["set_view"] == {"name": "vicinal: suspected errors"}
    suspects = pushed.load_saved_view("vicinal: suspected errors").values("id")
    assert shown.result == {"count": len(suspects)}

    wanted = pushed[suspects[0]]["vicinal_suggested"].label
    assert run("accept", pushed, suspects[:1]).result["count"] == 1
    assert run("keep", pushed, suspects[1:3]).result["count"] == 2
    asked = form("label_selected", pushed, suspects[3:5])["type"]["properties"]["class"]
    assert [one["value"] for one in asked["view"]["choices"]] == list(graph.get_dataset(name).classes)
    labelled = run("label_selected", pushed, suspects[3:5], **{"class": "Bag"})
    assert "clear_selected_samples" in asked_of_the_app(labelled)

    pushed.reload()
    labels = {one.sample_id: one for one in graph.list_labels(name).labels}
    assert labels[suspects[0]].class_name == wanted == pushed[suspects[0]]["ground_truth"].label
    assert [labels[one].class_name for one in suspects[3:5]] == ["Bag", "Bag"]
    assert {labels[one].trust for one in suspects[:5]} == {Trust.VERIFIED}
    assert not set(suspects[:5]) & set(pushed.load_saved_view("vicinal: suspected errors").values("id"))


def test_a_dataset_without_labels_gets_a_field(dataset, graph, name):
    classes = ",".join(dataset.distinct("truth"))
    assert run("push", dataset, classes=classes).result["stated"] == 0
    dataset.reload()
    picks = dataset.load_saved_view("vicinal: next to label").values("id")[:2]
    for pick, class_name in zip(picks, ("Bag", "Coat"), strict=True):
        run("label_selected", dataset, [pick], **{"class": class_name})
    dataset.reload()
    assert dataset.select(picks, ordered=True).values("label.label") == ["Bag", "Coat"]
    assert {one.class_name for one in graph.list_labels(name).labels} == {"Bag", "Coat"}
    assert dataset.count("vicinal_belief") == 510


def test_errors_reach_the_user(dataset):
    with pytest.raises(foo.executor.ExecutionError, match="select some samples first"):
        run("keep", dataset)
    with pytest.raises(foo.executor.ExecutionError, match="refresh first"):
        run("show", dataset)


def test_the_panel_says_how_the_dataset_stands(pushed):
    panel = Shown(pushed).fire("on_load")
    assert "510" in panel.state["text"]
    assert "0 verified, 510 given" in panel.state["text"]
    assert "%" in panel.state["text"]
    (bars,) = panel.data["histogram"]
    assert sum(bars["y"]) == 510
    assert panel.elements == {"text_view", "histogram", "buttons"}
    assert panel.fire("on_next").asked["set_view"] == {"name": "vicinal: next to label"}
    assert panel.fire("on_suspects").asked["set_view"] == {"name": "vicinal: suspected errors"}
    assert panel.fire("on_duplicates").asked["set_view"] == {"name": "vicinal: near duplicates"}

    first = pushed.first()
    first["ground_truth"].tags.append("verified")
    first.save()
    assert "1 verified, 509 given" in panel.fire("on_refresh").state["text"]


def test_the_panel_of_a_dataset_that_vicinal_does_not_know(dataset):
    panel = Shown(dataset).fire("on_load")
    assert "push this dataset" in panel.state["text"]
    assert panel.elements == {"text_view", "refresh"}


def test_the_panel_says_when_vicinal_is_away(dataset, monkeypatch):
    monkeypatch.setenv("VICINAL_GRAPH", "127.0.0.1:9")
    assert "does not answer" in Shown(dataset).fire("on_load").state["text"]

"""What the scan saw in the items of tasks, kept in the run and said in its checklists."""

import json
from types import SimpleNamespace

from medtune.data.audit import IdentifierAudit
from medtune.recipe.read import read_run_recipe
from medtune.report.checklists import data_items
from medtune.report.run_metrics import Metrics
from medtune.runs.item_identifiers import item_identifiers_stage, read_item_identifiers
from medtune.runs.stage import RunDirectory

ROW = {"question": "Which?", "A": "one", "B": "two", "answer": "B"}


def test_the_figures_stand_in_the_run_and_follow_the_policy(tmp_path, capsys):
    exam = tmp_path / "exam.jsonl"
    named = ROW | {"question": "Mr. Karl Testmann was born on 12.03.1970. Which?"}
    exam.write_text("".join(json.dumps(row) + "\n" for row in (named, ROW)))
    run = RunDirectory(tmp_path / "run")
    run.open()

    def seen(policy):
        tasks = f"[perplexity, {{task: multiple_choice, source: {exam}}}]"
        values = [f"evaluate.tasks={tasks}", "evaluate.margin={}", f"data.identifiers={policy}"]
        item_identifiers_stage(read_run_recipe("quickstart", values), run, None)
        return read_item_identifiers(run)

    counts = {"date": 1, "name": 1}
    for policy in ("report", "mask"):
        audit = IdentifierAudit(policy=policy, counts=counts, rows=1)
        assert seen(policy) == {"multiple_choice": audit}
    metrics = Metrics(recipe="r", status="partial", item_identifiers=seen("drop"))
    assert Metrics.model_validate(metrics.as_json()) == metrics
    assert seen("drop")["multiple_choice"].rows == 1
    assert "done before" in capsys.readouterr().err
    run.close()


def test_checklists_name_the_items_beside_the_rows():
    items = {"exam": IdentifierAudit(policy="mask", counts={"name": 3}, rows=2)}
    audit = SimpleNamespace(
        identifiers=IdentifierAudit(policy="mask", counts={}, rows=0),
        cleaning=SimpleNamespace(rules={}, off=[]),
        near_duplicates=SimpleNamespace(policy="group", threshold=0.8),
        contradictions=SimpleNamespace(policy="group"),
    )
    metrics = SimpleNamespace(item_identifiers=items)
    text = data_items.cleaning(
        SimpleNamespace(figures=SimpleNamespace(audit=audit, metrics=metrics))
    )
    assert "found in 0 rows (policy: mask); items of exam: found in 2 items (policy: mask)" in text

"""The report page: one file that needs nothing else, and says what a model wrote as text."""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from made_results import made_score
from medtune.files import read_json, read_json_lines, write_json, write_json_lines
from medtune.recipe.schema import TaskSpec
from medtune.report.sections import measured_on, task_sections
from medtune.report.write import number, size, write_report
from medtune.runs.pipeline import report_again

LOADING = {
    "src",
    "srcset",
    "href",
    "xlink:href",
    "action",
    "formaction",
    "data",
    "poster",
    "background",
}
VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words, self.styles, self._open = set(), [], [], [], []
        self.scripts = []  # type, text
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag == "script":
            self.scripts.append((dict(attrs).get("type"), ""))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        if self._open[-1:] == ["script"]:
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
        else:
            (self.styles if self._open[-1:] == ["style"] else self.words).append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def page_of(run):
    return Page(run.page.read_text(encoding="utf-8"))


@pytest.fixture(params=["finished", "unmeasured"])
def any_page(request):
    return page_of(request.getfixturevalue(request.param))


def test_nothing_is_loaded_from_anywhere(any_page):
    assert not any_page.tags & {"link", "iframe", "object", "embed", "base", "form"}
    assert [
        a for a in any_page.attributes if a[1] in LOADING and not a[2].startswith(("#", "data:"))
    ] == []
    assert [a for a in any_page.attributes if a[1].startswith("on")] == []
    styles = "".join(any_page.styles) + "".join(
        value for _, name, value in any_page.attributes if name == "style"
    )
    assert "@import" not in styles
    assert not re.search(r"url\(\s*['\"]?(?!#|data:)", styles)


def test_the_browser_is_told_to_load_nothing_and_run_only_the_pages_own_script(any_page):
    policy = next(
        value
        for tag, name, value in any_page.attributes
        if tag == "meta" and value.startswith("default-src")
    )
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    assert "'unsafe-eval'" not in policy
    allowed = re.findall(r"script-src ([^;]*)", policy)
    run = [text for kind, text in any_page.scripts if kind != "application/json"]
    assert allowed == [
        f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in run
    ]
    assert len(run) <= 1


def test_page_has_light_dark_and_print(any_page):
    styles = "".join(any_page.styles)
    assert "prefers-color-scheme: dark" in styles
    assert "@media print" in styles
    assert ("html", "lang", "en") in any_page.attributes


def test_page_says_that_it_is_not_medical_advice(any_page):
    assert "not medical advice" in any_page.text.lower()


def test_page_opens_with_the_verdict_and_holds_every_part(finished, figures_of):
    page = page_of(finished)
    figures = figures_of(finished)
    assert figures.verdict in page.text
    assert "n = " in figures.verdict
    for heading in (
        "What was compared",
        "Where the data went",
        "Before and after, on the same items",
        "Task by task",
        "Demonstration questions",
        "Answers to test questions",
        "Calibration",
        "Harm",
        "Forgetting",
        "Items that changed",
        "Training",
        "Audit of the data",
        "Reporting checklists",
        "What was not measured",
        "How to reproduce",
    ):
        assert heading in page.text
    assert all(text in page.text for text in figures.not_measured())
    assert all(source.files[0].sha256[:16] in page.text for source in figures.audit.sources)
    assert sum(tag == "svg" and name == "viewbox" for tag, name, _ in page.attributes) >= 4


def test_table_shows_the_runs_figures(finished):
    metrics = read_json(finished.metrics)
    page = page_of(finished)
    for side in ("before", "after"):
        entry = metrics[side]["perplexity"]["bits_per_byte"]
        assert (
            f"{number(entry['value'])} {number(entry['low'])}–{number(entry['high'])}" in page.text
        )


def test_plots_lie_beside_the_page_as_png_and_svg(finished):
    names = {path.name for path in finished.plots.iterdir()}
    assert {
        f"{name}.{kind}" for name in ("loss", "forest", "items") for kind in ("png", "svg")
    } <= names


def test_a_run_without_measurements_has_a_page_that_says_so(unmeasured):
    page = page_of(unmeasured)
    assert "Not finished: there is no measurement before and after yet." in page.text
    assert "Audit of the data" in page.text
    assert "Before and after, on the same items" not in page.text
    assert "prediction of held-out answers" in page.text


def test_a_run_measured_only_before_has_a_page(small_recipe, tmp_path):
    from medtune.run_paths import RunPaths
    from medtune.runs.pipeline import execute

    outcome = execute(small_recipe, tmp_path / "half", None, stages=("prepare", "before", "report"))
    assert outcome.verdict == ""
    assert outcome.metrics.status == "partial"
    assert "Not finished" in page_of(RunPaths(tmp_path / "half")).text


HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)> & \"quoted\" </div></body>"


def test_what_a_model_wrote_is_shown_as_text(finished):
    for side in (finished.before, finished.after):
        for task in ("answers", "topics"):
            path = side / f"{task}.samples.jsonl"
            rows = read_json_lines(path)
            rows[0] |= {
                "output": HOSTILE,
                "sampled_output": HOSTILE,
                "reference": HOSTILE,
                "question": HOSTILE,
            }
            write_json_lines(path, rows)
    write_report(finished)
    page = page_of(finished)
    assert "img" not in page.tags
    assert len(page.scripts) == 2
    assert "onerror" not in {name for _, name, _ in page.attributes}
    assert page.text.count(HOSTILE) >= 8
    assert "How to reproduce" in page.text


def test_recipe_and_source_names_are_shown_as_text(finished):
    audit = finished.data / "audit.json"
    name = read_json(audit)["sources"][0]["name"]
    audit.write_text(audit.read_text().replace(f'"{name}"', '"<script>1</script>"'))
    recipe = finished.recipe.read_text()
    assert "contact: null" in recipe
    finished.recipe.write_text(recipe.replace("contact: null", "contact: <script>2</script>"))
    write_report(finished)
    page = page_of(finished)
    assert len(page.scripts) == 2
    assert "<script>1</script>" in page.text
    assert "<script>2</script>" in page.text


def test_answers_stand_side_by_side_and_unchosen(finished):
    before = read_json_lines(finished.before / "answers.samples.jsonl")
    after = read_json_lines(finished.after / "answers.samples.jsonl")
    before[0]["output"], after[0]["output"] = "said before", "said after"
    before[1]["output"], after[1]["output"] = "", "second answer"
    write_json_lines(finished.before / "answers.samples.jsonl", before)
    write_json_lines(finished.after / "answers.samples.jsonl", after)
    write_report(finished)
    text = page_of(finished).text
    assert text.index("said before") < text.index("said after") < text.index("second answer")
    assert "(nothing)" in text
    assert f"The first 5 of {len(after)}, not chosen" in text


def test_links_of_the_page_lead_to_its_parts(any_page):
    targets = [value for tag, name, value in any_page.attributes if tag == "a" and name == "href"]
    names = [value for _, name, value in any_page.attributes if name == "id"]
    assert targets
    assert [names.count(target.removeprefix("#")) for target in targets] == [1] * len(targets)


def test_what_did_not_run_is_not_measured(finished):
    text = page_of(finished).text
    assert "Not measured: the task safety asks prompts" in text
    assert "Not measured: the task forgetting" in text
    assert "Not measured: whether the model's confidence means anything" in text
    assert "Was fine-tuning needed?" not in text


def figure(value):
    return made_score(value, 0.1, 40).as_json()


def span(value):
    return {name: end for name, end in figure(value).items() if name != "groups"}


def test_arms_learning_curve_and_seeds_are_shown_where_they_are(finished):
    against = {"value": -0.02, "low": -0.1, "high": 0.06, "p": 0.3, "p_corrected": 0.4}
    against |= {"test": "paired bootstrap", "detectable": 0.1, "decision": "undecided"}
    pooled = {"p": 0.001, "between_sd": 0.07, "items_sd": 0.1, "seeds": 2, "decision": "better"}
    arm = {
        "model": "base",
        "system_prompt": "Be <b>brief</b>.",
        "shots": 3,
        "needs_training": False,
        "prompt_bytes": 812.0,
    }
    named = {"task": "answers", "metric": "rouge_l"}
    metrics = read_json(finished.metrics) | {
        "arms": named
        | {"title": "ROUGE-L F1", "unit": "", "better": "higher", "unmeasured": []}
        | {
            "rows": [
                {"name": "few-shot", **arm, **span(0.3), "against_best": against},
                {
                    "name": "after",
                    **arm,
                    "model": "tuned",
                    "needs_training": True,
                    **span(0.32),
                    "against_best": None,
                },
            ],
            "best": "after",
            "cheapest": "few-shot",
            "sentence": "The cheapest of the best is few-shot.",
        },
        "learning_curve": named
        | {"title": "ROUGE-L F1", "unit": "", "last_step": {**figure(0.02), **pooled}}
        | {
            "points": [
                {"fraction": 0.5, "rows": 20, **figure(0.3)},
                {"fraction": 1.0, "rows": 40, **figure(0.32)},
            ],
            "before": figure(0.1),
            "sentence": "More rows would likely help.",
        },
        "seeds": named
        | {
            "rows": [
                {"seed": 1, "value": 0.3, "change": 0.2},
                {"seed": 2, "value": 0.4, "change": 0.3},
            ],
            "pooled": {**figure(0.25), **pooled},
            "sentence": "Two seeds agree.",
        },
    }
    write_json(finished.metrics, metrics)
    write_report(finished)
    page = page_of(finished)
    for said in (
        "The cheapest of the best is few-shot.",
        "More rows would likely help.",
        "Two seeds agree.",
        "Be <b>brief</b>.",
    ):
        assert said in page.text
    assert page.text.index("The cheapest of the best") < page.text.index(
        "What was compared"
    )  # the verdict says so too
    assert (finished.plots / "learning_curve.svg").exists()
    assert "spread over seeds" not in page.text


def test_what_people_reached_stands_beside_a_benchmark_that_published_it(finished, figures_of):
    figures = figures_of(finished)
    assert not any(section.people for section in task_sections(figures))
    figures.specs["answers"] = TaskSpec(task="multiple_choice", source="pubmedqa")
    found = {section.key: section.people for section in task_sections(figures)}
    assert "0.780 and macro-F1 0.722" in found.pop("answers")
    assert not any(found.values())


@pytest.mark.parametrize(("value", "there"), [(0.0321, True), (None, False)])
def test_what_a_test_set_could_have_shown_is_a_column_where_it_is_known(finished, value, there):
    metrics = read_json(finished.metrics)
    for entry in (entry for figures in metrics["change"].values() for entry in figures.values()):
        entry["detectable"] = value
    write_json(finished.metrics, metrics)
    write_report(finished)
    text = page_of(finished).text
    assert ("could have shown" in text) == there
    assert ("0.0321" in text) == there


def test_report_can_be_made_again_from_the_files_alone(finished):
    pages = finished.page.read_text(), read_json(finished.metrics)
    finished.page.unlink()
    report_again(finished.root)
    assert read_json(finished.metrics) == pages[1]
    strip = re.compile(r"\d{4}-\d\d-\d\dT[\d:+]+")
    assert strip.sub("", finished.page.read_text()) == strip.sub("", pages[0])


def test_changed_samples_change_the_figures_of_a_new_report(finished):
    path = finished.after / "perplexity.samples.jsonl"
    rows = read_json_lines(path)
    for row in rows:
        row["loglikelihoods"] = [row["loglikelihoods"][0] * 2]
    write_json_lines(path, rows)
    earlier = read_json(finished.metrics)["after"]["perplexity"]["bits_per_byte"]["value"]
    outcome = report_again(finished.root)
    assert outcome.metrics.after["perplexity"]["bits_per_byte"].value == pytest.approx(2 * earlier)
    assert "deterioration" in outcome.verdict


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.123456, "0.1235"),
        (12_345, "12,345"),
        (1234.5, "1,234"),
        (7, "7"),
        (0.0, "0"),
    ],
)
def test_numbers_for_people(value, text):
    assert number(value) == text


def test_sizes_for_people():
    assert (size(3 * 2**20), size(1.5 * 2**30)) == ("3 MiB", "1.50 GiB")


@pytest.mark.parametrize(
    ("source", "shown"), [("medqa", "medqa"), ("/wards/7/exam.csv", "exam.csv")]
)
def test_the_page_names_a_file_of_questions_without_its_directory(source, shown):
    spec = TaskSpec(task="multiple_choice", source=source)
    figures = SimpleNamespace(specs={"exam": spec})
    assert measured_on(figures, "exam").split(",")[0] == shown

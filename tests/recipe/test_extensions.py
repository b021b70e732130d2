"""What a recipe names outside of medtune: found, used, and refused with a sentence."""

import pytest

from medtune.conversation import Message
from medtune.errors import RecipeError
from medtune.evaluation.evaluate import figure_named, published_figures
from medtune.recipe.extensions import check_extension, extension_names
from medtune.recipe.read import read_run_recipe
from medtune.runs.plan import Plan
from medtune.tokens.chat_templates import FamilyTemplate, family_template, template_names
from medtune.tokens.render import EndpointTemplate

MODULE = """
from medtune.evaluation.evaluate import PublishedFigure
from medtune.tokens.chat_templates import FamilyTemplate

TURNS = FamilyTemplate("{% for m in messages %}<" + "{{ m['content'] }}" + ">{% endfor %}")

class Count(PublishedFigure):
    def compute(self, recipe, before, after, directory):
        n = sum(map(len, before.values()))
        figure = {"title": "Items", "before": n, "after": n, "n": n, "sentence": "Counted."}
        return figure if n else None

COUNT = Count()
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "hospital_own.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)


def recipe(*options):
    return read_run_recipe("quickstart", [f"{key}={value}" for key, value in options])


def test_a_template_of_a_module_is_rendered(module):
    settings = recipe(("model.chat_template", "hospital_own:TURNS"))
    assert isinstance(family_template(settings.model.chat_template), FamilyTemplate)
    rendered = EndpointTemplate(settings.model.chat_template).answered(
        [Message("user", "Why?")], "So."
    )
    assert rendered == ("<Why?><", "So.")  # the mark is the template's, not the answer's


def test_its_text_is_an_input_of_the_stages(module, tmp_path, monkeypatch):
    settings = recipe(("model.chat_template", "hospital_own:TURNS"), ("model.name", "medtune-base"))
    plan = Plan.make(settings, None)
    before = plan.evaluate_inputs([], "")
    assert plan.evaluate_inputs([], "") == before
    monkeypatch.setattr("hospital_own.TURNS", FamilyTemplate("other"))
    assert plan.evaluate_inputs([], "") != before


def test_a_figure_of_a_module_stands_with_the_others(module, tmp_path):
    settings = recipe(("evaluate.published", "[hospital_own:COUNT]"))
    samples = {"perplexity": [{"id": "1"}, {"id": "2"}]}
    figures = published_figures(settings, samples, samples, tmp_path)
    assert figures["hospital_own:COUNT"]["n"] == 2
    assert published_figures(settings, {}, {}, tmp_path) == {}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model.chat_template", "chatml2", "Input should be 'auto', 'plain'"),
        ("model.chat_template", "no_such_module:X", "Input should be 'auto', 'plain'"),
        ("evaluate.published", "[row_mean]", "Input should be 'row_mean_perplexity' or"),
        ("evaluate.published", "[no_such_module:X]", "there is no module no_such_module"),
    ],
)
def test_a_name_that_is_none_is_refused_when_the_recipe_is_read(key, value, message):
    with pytest.raises(RecipeError) as error:
        recipe((key, value))
    assert str(error.value).startswith(f"--set {key}: {key}")
    assert message in str(error.value)


def test_what_is_there_must_be_of_the_kind(module):
    with pytest.raises(RecipeError, match="hospital_own:TURNS is no PublishedFigure"):
        figure_named("hospital_own:TURNS")
    with pytest.raises(RecipeError, match="hospital_own:COUNT is no FamilyTemplate"):
        family_template("hospital_own:COUNT")
    with pytest.raises(RecipeError, match="cannot be loaded"):
        family_template("hospital_own:MISSING")


def test_every_short_name_leads_to_what_it_names():
    for name in extension_names("model.chat_template"):
        assert family_template(name).text
        assert name in template_names()
    for name in extension_names("evaluate.published"):
        assert check_extension("evaluate.published", name) == name
        assert figure_named(name)

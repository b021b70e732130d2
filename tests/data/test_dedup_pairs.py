"""Near-duplicates: planted ones at known similarity are found, and real ones as exact comparison
finds them.
"""

from itertools import combinations

import numpy as np
import pytest

from medtune.data.dedup import (
    PERMUTATIONS,
    band_rows,
    components,
    normalize,
    signatures,
    similar_pairs,
    word_hashes,
)

THRESHOLD = 0.8


def shingles(text):
    words = normalize(text).split()
    return {tuple(words[i : i + 3]) for i in range(len(words) - 2)}


def jaccard(a, b):
    return len(a & b) / len(a | b)


def with_similarity(number, wanted, length=400):
    """A text and its copy with a changed end, so that their three-word runs have about the
    wanted similarity.
    """
    one = [f"t{number}w{i}" for i in range(length)]
    shared = round((length - 2) * 2 * wanted / (1 + wanted))
    other = one[: shared + 2] + [f"t{number}v{i}" for i in range(length - shared - 2)]
    texts = " ".join(one), " ".join(other)
    assert abs(jaccard(*map(shingles, texts)) - wanted) < 1 / length + 0.005
    return texts


def pairs_of(texts, threshold=THRESHOLD):
    return {
        tuple(pair) for pair in similar_pairs(signatures(*word_hashes(texts)), threshold).tolist()
    }


@pytest.mark.parametrize(
    ("similarity", "least", "most"), [(1, 60, 60), (0.95, 60, 60), (0.85, 51, 60), (0.6, 0, 0)]
)
def test_planted_pairs_are_found_by_their_similarity(similarity, least, most):
    texts = [text for i in range(60) for text in with_similarity(i, similarity)]
    found = pairs_of(texts)
    assert found <= {(2 * i, 2 * i + 1) for i in range(60)}
    assert least <= len(found) <= most


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0])
def test_bands_miss_at_most_two_percent_at_the_threshold_and_use_the_whole_signature(threshold):
    rows = band_rows(threshold)
    missed = (1 - threshold**rows) ** (PERMUTATIONS // rows)
    assert missed <= 0.02
    wider = (1 - threshold ** (rows + 1)) ** (PERMUTATIONS // (rows + 1))
    assert rows == 32 or wider > 0.02


def test_no_texts_and_one_text_have_no_pairs():
    assert similar_pairs(np.zeros((0, PERMUTATIONS), np.uint16), THRESHOLD).shape == (0, 2)
    assert pairs_of(["a b c d e"]) == set()


def test_many_copies_cost_no_square_and_form_one_cluster():
    signature = np.repeat(
        signatures(*word_hashes([" ".join(f"w{i}" for i in range(30))])), 30_000, axis=0
    )
    found = similar_pairs(signature, THRESHOLD)
    assert len(found) < 3 * 30_000
    assert components(30_000, found).max() == 0


def naive_components(count, pairs):
    number = list(range(count))
    for a, b in pairs:
        old, new = number[b], number[a]
        number = [new if n == old else n for n in number]
    names = {}
    return [names.setdefault(n, len(names)) for n in number]


@pytest.mark.parametrize("seed", range(20))
def test_components_are_those_of_plain_merging_numbered_by_first_appearance(seed):
    rng = np.random.default_rng(seed)
    pairs = rng.integers(0, 40, (int(rng.integers(0, 40)), 2))
    assert components(40, pairs).tolist() == naive_components(40, pairs.tolist())


def test_components_of_nothing():
    assert components(0, np.zeros((0, 2), np.int64)).tolist() == []
    assert components(3, np.zeros((0, 2), np.int64)).tolist() == [0, 1, 2]


def clusters(texts):
    return components(
        len(texts), similar_pairs(signatures(*word_hashes(texts)), THRESHOLD)
    ).tolist()


def test_clusters_are_the_same_each_time_and_with_fingerprints_taken_in_any_chunks():
    texts = [text for i in range(30) for text in with_similarity(i, 0.9, 60)]
    once = clusters(texts)
    assert clusters(texts) == once
    for size in (1, 7, 59):
        parts = [signatures(*word_hashes(texts[i : i + size])) for i in range(0, len(texts), size)]
        assert (
            components(len(texts), similar_pairs(np.concatenate(parts), THRESHOLD)).tolist() == once
        )


def test_clusters_do_not_depend_on_the_order_of_texts():
    texts = [text for i in range(30) for text in with_similarity(i, 0.95, 60)]
    order = np.random.default_rng(0).permutation(len(texts)).tolist()

    def as_sets(numbers, of):
        return {frozenset(of[i] for i, m in enumerate(numbers) if m == n) for n in set(numbers)}

    assert as_sets(clusters([texts[i] for i in order]), order) == as_sets(
        clusters(texts), range(len(texts))
    )


@pytest.fixture(scope="module")
def real(real_data):
    """Some hundred neighbouring answers (copies of one text stand near each other), and what
    exact comparison says.
    """
    import pyarrow.parquet as pq

    answers = pq.read_table(real_data / "medquad.parquet", columns=["answer"]).column(0).to_pylist()
    distinct = list(
        dict.fromkeys(normalize(a) for a in answers if a and len(normalize(a).split()) >= 12)
    )
    texts = distinct[2_000:2_250] + distinct[5_000:5_250]
    sets = [shingles(text) for text in texts]
    exact = {
        (a, b): jaccard(sets[a], sets[b])
        for a, b in combinations(range(len(sets)), 2)
        if sets[a] & sets[b]
    }
    found = pairs_of(texts)
    cluster = components(len(texts), np.array(sorted(found)))
    return (
        exact,
        found,
        lambda least: [cluster[a] == cluster[b] for (a, b), v in exact.items() if v >= least],
    )


@pytest.mark.long
@pytest.mark.real
def test_no_real_pair_is_far_below_the_threshold(real):
    exact, found, _ = real
    assert len(found) >= 100
    assert min(exact.get(pair, 0) for pair in found) > THRESHOLD - 0.12


@pytest.mark.long
@pytest.mark.real
def test_real_pairs_clearly_above_the_threshold_lie_in_one_cluster(real):
    together = real[2](THRESHOLD + 0.05)
    assert len(together) >= 50
    assert np.mean(together) >= 0.99


@pytest.mark.long
@pytest.mark.real
def test_real_pairs_from_the_threshold_on_lie_in_one_cluster(real):
    together = real[2](THRESHOLD)
    assert len(together) >= 500
    assert np.mean(together) >= 0.95


@pytest.mark.parametrize(
    ("text", "copy", "other"),
    [
        (
            "患者多年来反复出现头痛和恶心症状，医生建议每天按时服药并注意休息，避免熬夜和饮酒，必要时到医院复查。",
            "患者多年来反复出现头痛和恶心症状，医生建议每天按时服药并注意休息，避免熬夜与饮酒，必要时到医院复查。",
            "糖尿病的诊断需要测量空腹血糖和糖化血红蛋白，并结合患者的症状和病史进行综合判断。",
        ),
        (
            "この薬は一日三回食後に服用してください。眠気が出ることがあるので運転は避けてください。",
            "この薬は一日三回食後に服用してください。眠気が出ることがあるため運転は避けてください。",
            "高血圧の診断には家庭での血圧測定が役に立ち、塩分を減らすことが大切です。",
        ),
    ],
)
def test_near_duplicates_are_found_in_scripts_without_blanks(text, copy, other):
    pairs = similar_pairs(signatures(*word_hashes([text, other, copy])), 0.8)
    assert pairs.tolist() == [[0, 2]]

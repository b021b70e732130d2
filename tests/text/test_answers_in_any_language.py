"""Answers in other languages and scripts, and labels that go on in the text, are read for what they
name.
"""

import pytest

from medtune.text.answer_parsing import named_option, parse_label

CHOICES = ["aspirin", "heparin", "insulin", "warfarin"]


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("答案是B。", "B"),
        ("正解はBです", "B"),
        ("答案：B", "B"),
        ("정답은 B입니다", "B"),
        ("선택지 B", "B"),
        ("Réponse : B", "B"),
        ("Die Antwort ist B", "B"),
        ("Die richtige Antwort ist B.", "B"),
        ("الإجابة: B", "B"),
        ("الإجابة الصحيحة هي B", "B"),
        ("Ｂ", "B"),
        ("（Ｂ）", "B"),
        ("(B)", "B"),
        ("**B**", "B"),
        ("\\boxed{B}", "B"),
        ("$\\boxed{\\text{B}}$", "B"),
        ("La respuesta es B", "B"),
        ("La respuesta correcta es la B.", "B"),
        ("La risposta è B", "B"),
        ("Ответ: B", "B"),
        ("Правильный ответ — B", "B"),
        ("答えはBです。Aではありません", "B"),
        ("选B", "B"),
        ("应选择B选项", "B"),
        ("A不正确，答案是C", "C"),
        ("B. heparin", "B"),
        ("Answer: B) heparin", "B"),
        ("উত্তর: B", "B"),
        ("उत्तर: B", "B"),
        ("คำตอบคือ B", "B"),
        ("คำตอบคือB", "B"),
        ("Đáp án: B", "B"),
        ("Cevap: B", "B"),
        ("Odpowiedź: B", "B"),
        ("Odpověď: B", "B"),
        ("Het antwoord is B", "B"),
        ("A resposta é B", "B"),
        ("A resposta correta é a alternativa B", "B"),
        ("Antwort A ist falsch, Antwort B ist richtig", "B"),
        ("不是A", None),
        ("不选A，选B", "B"),
        ("The answer is B, not A", "B"),
        ("ビタミンBが必要", None),
        ("维生素B", None),
        ("Vitamin B fehlt", None),
        ("肝炎B", None),
        ("最可能是乙型肝炎", None),
        ("La réponse n'est pas A mais B", "B"),
        ("Nicht A, sondern B", "B"),
        ("A est faux", None),
        ("No es A", None),
        ("A y B", None),
        ("Es ist A oder B", None),
        ("A와 B", None),
        ("A pneumonia é grave", None),
        ("A dor é forte", None),
        ("I think B", "B"),
    ],
)
def test_a_letter_in_any_language(text, letter):
    index = named_option(text, CHOICES, "ABCD")
    assert (None if index is None else "ABCD"[index]) == letter


def test_full_width_letters_and_texts_of_options():
    assert named_option("Ｃ．肺炎", ["哮喘", "结核", "肺炎"], "ABC") == 2
    assert named_option("肺炎。", ["哮喘", "结核", "肺炎"], "ABC") == 2


@pytest.mark.parametrize(
    ("text", "labels", "label"),
    [
        ("NSTEMI", ["STEMI", "NSTEMI"], "NSTEMI"),
        ("The ECG shows NSTEMI.", ["STEMI", "NSTEMI"], "NSTEMI"),
        ("diabetes type 10", ["type 1", "type 10"], "type 10"),
        ("It is type 10", ["type 1", "type 2"], None),
        ("no diabetes", ["diabetes", "no diabetes"], "no diabetes"),
        ("This patient has no diabetes", ["diabetes", "no diabetes"], "no diabetes"),
        ("There is no diabetes", ["diabetes", "healthy"], None),
        ("without diabetes", ["diabetes", "healthy"], None),
        ("hyperthyroidism", ["hypothyroidism", "hyperthyroidism"], "hyperthyroidism"),
        ("non-STEMI", ["STEMI", "NSTEMI"], None),
        ("Non-Hodgkin lymphoma", ["Hodgkin lymphoma", "leukemia"], None),
        ("non Hodgkin lymphoma", ["Hodgkin lymphoma"], None),
        ("nonHodgkin lymphoma", ["Hodgkin lymphoma"], None),
        ("CIN 2-3", ["CIN 2", "CIN 3"], None),
        ("CIN 2/3", ["CIN 2", "CIN 3"], None),
        ("CIN 2 to 3", ["CIN 2", "CIN 3"], None),
        ("CIN 2+", ["CIN 2"], None),
        ("grade II", ["grade I", "grade II"], "grade II"),
        ("T2a", ["T2", "T3"], None),
        ("stage IIIB", ["stage III", "stage IIIB"], "stage IIIB"),
        ("diagnosis: 肺炎。", ["肺炎", "支气管肺炎"], "肺炎"),
        ("诊断是支气管肺炎", ["肺炎", "支气管肺炎"], "支气管肺炎"),
        ("診断は肺炎です", ["肺炎", "気管支炎"], "肺炎"),
        ("不是肺炎", ["肺炎", "哮喘"], None),
        ("kein Diabetes", ["Diabetes", "gesund"], None),
        ("pas de diabète", ["diabète", "sain"], None),
        ("keine Pneumonie", ["Pneumonie"], None),
        ("CD4-", ["CD4+", "CD4-"], "CD4-"),
        ("It is CD4-.", ["CD4+", "CD4-"], "CD4-"),
        ("Rh+ blood", ["Rh+", "Rh-"], "Rh+"),
        ("A+", ["A+", "A-"], "A+"),
        ("≥ 5", ["< 5", "≥ 5"], "≥ 5"),
        ("I would say ≥ 5", ["< 5", "≥ 5"], "≥ 5"),
        ("Kardiologie。", ["Kardiologie", "Chirurgie"], "Kardiologie"),
        ("pre-diabetes", ["diabetes", "healthy"], None),
        ("prediabetes", ["diabetes"], None),
        ("anti-GBM disease", ["GBM disease"], None),
        ("pseudo-gout", ["gout"], None),
    ],
)
def test_a_label_and_what_goes_on(text, labels, label):
    assert parse_label(text, labels) == label

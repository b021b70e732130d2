"""Known identifiers are masked in the spellings that texts give them, and ordinary words stay."""

import pytest

from medtune.text.identifiers import find_all, mask_spans


@pytest.mark.parametrize(
    ("value", "text", "masked"),
    [
        (("name", "Müller"), "Mueller, MÜLLER, Muller, müller.", 4),
        (("name", "Łukasz"), "Lukasz und ŁUKASZ", 2),
        (("name", "Garcia"), "García", 1),
        (("name", "O'Brien"), "O’Brien, OBrien", 2),
        (("name", "Muster-Mann"), "Muster Mann, Muster‑Mann", 2),
        (("name", "WILL"), "He will see Will.", 1),
        (("name", "Li"), "3 li, Li and LI", 2),
        (("name", "Zwe"), "Zwelve", 0),
        (("phone", "030 0001122"), "(030) 000-11 22; 030/0001122", 2),
        (("phone", "+1(555)123-4567"), "1 555 123 4567", 1),
        (("record", "12-34-56"), "123456 and 1234567", 1),
        (("date", "5/12/1999"), "5/12/1999 and 5.12.19x", 1),
    ],
)
def test_spellings(value, text, masked):
    [spans] = find_all([text], [value])
    known = [s for s in spans if s.kind == value[0]]
    assert len(known) == masked


def test_what_stands_between_stays():
    spans = find_all(["dose for Erika: 5 mg"], [("name", "Erika Testmann"), ("name", "Erika")])
    assert mask_spans(["dose for Erika: 5 mg"], spans) == ["dose for [NAME-1]: 5 mg"]

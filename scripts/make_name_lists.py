"""Write the name lists that the scan for identifiers reads, from the package Faker.

    python scripts/make_name_lists.py [--out DIR]

The lists are frozen, so that masks do not change with Faker's version; the first line of each file
says from which version it was made. Faker is under the MIT licence, which is written beside them.
"""

import argparse
import re
import textwrap
from collections.abc import Iterable
from importlib import import_module, metadata
from pathlib import Path

from medtune.text.identifiers.lexicon import NAMES_FOLDER, fold

# The locales of Faker that write names in Latin letters, or give a romanised form.
NATIONAL = """
cs_CZ da_DK de_AT de_CH de_DE en_GB en_IE en_IN en_KE en_NG en_NZ en_PK en_TH en_US es_AR es_CA
es_CL es_CO es_ES es_MX fi_FI fr_BE fr_CA fr_CH fr_DZ fr_FR ga_IE ha_NG hr_HR hu_HU id_ID ig_NG
it_IT ja_JP lt_LT lv_LV nl_BE nl_NL no_NO pl_PL pt_BR pt_PT ro_RO sk_SK sl_SI sv_SE sw tr_TR tw_GH
vi_VN yo_NG zh_CN zh_TW zu_ZA
""".split()
GENERAL = ["en"]  # its list of given names holds many a surname
GIVEN = """
first_names first_names_female first_names_male first_names_unisex first_romanized_names
""".split()
SURNAMES = "last_names last_names_female last_names_male last_romanized_names".split()
LATIN = re.compile(r"[^\W\d_]{2,}(?:['’-][^\W\d_]+)*")


def names(locales: Iterable[str], fields: Iterable[str]) -> set[str]:
    """The names of these locales, folded; those that folding leaves with other letters are out."""
    folded: set[str] = set()
    for locale in locales:
        provider = import_module(f"faker.providers.person.{locale}").Provider
        for field in fields:
            entries = getattr(provider, field, ())
            if not isinstance(entries, property):  # a locale may build its surnames from parts
                folded.update(fold(name) for name in entries if LATIN.fullmatch(name))
    return {name for name in folded if name.isascii()}


def name_lists() -> dict[str, set[str]]:
    """File name to names: given names of national lists, those of the general English list that
    stand in no national one, and surnames.
    """
    national = names(NATIONAL, GIVEN)
    return {
        "given.txt": national,
        "given_general.txt": names(GENERAL, GIVEN) - national,
        "surnames.txt": names([*NATIONAL, *GENERAL], SURNAMES),
    }


def main() -> None:
    """Write the lists and Faker's licence."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=NAMES_FOLDER)
    out = parser.parse_args().out
    faker = metadata.distribution("faker")
    for file_name, entries in name_lists().items():
        head = f"# Made from Faker {faker.version} by scripts/make_name_lists.py.\n"
        text = textwrap.fill(" ".join(sorted(entries)), 100, break_on_hyphens=False)
        (out / file_name).write_text(f"{head}{text}\n", encoding="utf-8")
    licence = faker.read_text("licenses/LICENSE.txt") or ""
    (out / "LICENSE.txt").write_text(licence, encoding="utf-8")


if __name__ == "__main__":
    main()

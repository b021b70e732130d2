"""References of what a run used, as BibTeX."""

from medtune.report.checklists.base import Facts

ALWAYS = ("gallifant2025", "park2024", "holm1979", "efron1993")
LORA = ("hu2022",)
QLORA = (*LORA, "dettmers2023")
ENTRIES = {
    "gallifant2025": ("article", "The TRIPOD-LLM reporting guideline for studies using large language models", "Gallifant, Jack and others", 2025, "journal = {Nature Medicine}, volume = {31}, pages = {60--69}, doi = {10.1038/s41591-024-03425-5}"),
    "park2024": ("article", "Minimum reporting items for clear evaluation of accuracy reports of large language models in healthcare (MI-CLEAR-LLM)", "Park, Seong Ho and others", 2024, "journal = {Korean Journal of Radiology}, volume = {25}, pages = {865--868}, doi = {10.3348/kjr.2024.0843}"),
    "holm1979": ("article", "A simple sequentially rejective multiple test procedure", "Holm, Sture", 1979, "journal = {Scandinavian Journal of Statistics}, volume = {6}, pages = {65--70}"),
    "efron1993": ("book", "An Introduction to the Bootstrap", "Efron, Bradley and Tibshirani, Robert J.", 1993, "publisher = {Chapman and Hall}"),
    "mcnemar1947": ("article", "Note on the sampling error of the difference between correlated proportions or percentages", "McNemar, Quinn", 1947, "journal = {Psychometrika}, volume = {12}, pages = {153--157}"),
    "wilson1927": ("article", "Probable inference, the law of succession, and statistical inference", "Wilson, Edwin B.", 1927, "journal = {Journal of the American Statistical Association}, volume = {22}, pages = {209--212}"),
    "newcombe1998": ("article", "Improved confidence intervals for the difference between binomial proportions based on paired data", "Newcombe, Robert G.", 1998, "journal = {Statistics in Medicine}, volume = {17}, pages = {2635--2650}"),
    "lin2004": ("inproceedings", "ROUGE: a package for automatic evaluation of summaries", "Lin, Chin-Yew", 2004, "booktitle = {Text Summarization Branches Out}, pages = {74--81}"),
    "hu2022": ("inproceedings", "LoRA: low-rank adaptation of large language models", "Hu, Edward J. and others", 2022, "booktitle = {ICLR}"),
    "dettmers2023": ("inproceedings", "QLoRA: efficient finetuning of quantized LLMs", "Dettmers, Tim and others", 2023, "booktitle = {NeurIPS}"),
}  # fmt: skip


def bibliography(facts: Facts) -> str:
    """BibTeX of the lists, the statistics and the methods that this run used, and of its model
    and sources.
    """
    keys = [*ALWAYS]
    keys += (
        ["mcnemar1947", "wilson1927", "newcombe1998"]
        if any("exact" in row["test"] for row in facts.changes)
        else []
    )
    keys += ["lin2004"] if any(row["metric"] == "rouge_l" for row in facts.changes) else []
    keys += {"lora": LORA, "qlora": QLORA}.get(facts.recipe["train"]["method"], ())
    known = [_entry(key, *ENTRIES[key]) for key in keys]
    base = f"@misc{{base, title = {{{facts.recipe['model']['name']}}}, note = {{base model}}}}"
    used = [
        f"@misc{{data{number}, title = {{{source.name}}}, howpublished = {{{source.published or 'not stated'}}}, note = {{licence: {source.licence}}}}}"
        for number, source in enumerate(facts.figures.audit.sources, 1)
    ]
    return "\n".join([*known, base, *used])


def _entry(key: str, kind: str, title: str, author: str, year: int, rest: str) -> str:
    return (
        f"@{kind}{{{key}, title = {{{title}}}, author = {{{author}}}, year = {{{year}}}, {rest}}}"
    )

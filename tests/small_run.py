"""The rows and the settings of a run that takes seconds."""

QUESTIONS = [
    (
        "anemia",
        "What are the symptoms of anemia?",
        "Tiredness, pale skin and short breath are common symptoms of anemia.",
    ),
    (
        "asthma",
        "How is asthma treated?",
        "Asthma is treated with inhaled medicines that open and calm the airways.",
    ),
    (
        "gout",
        "What causes gout?",
        "Gout is caused by crystals of uric acid that settle in a joint.",
    ),
    (
        "migraine",
        "Can migraine be prevented?",
        "Regular sleep, meals and sometimes medicines can prevent migraine attacks.",
    ),
    (
        "eczema",
        "What does eczema look like?",
        "Eczema shows as dry, itchy and inflamed patches of skin.",
    ),
]

QUICK = [
    "--set", "train.max_steps=4",
    "--set", "train.batch_size=2",
    "--set", "train.gradient_accumulation=1",
    # the encoder takes seconds to load
    "--set", "evaluate.tasks=[perplexity, {task: answers, encoder: none}, topics]",
    "--set", "evaluate.decoding.max_new_tokens=8",
    "--set", "evaluate.resamples=200",
]  # fmt: skip

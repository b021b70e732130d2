"""`statement`: what only a person knows of the study, printed in the reporting checklists.

What is left out is "not stated".
"""

from typing import Annotated

from pydantic import Field

from medtune.recipe.base import Section

Said = Annotated[str, Field(min_length=1)] | None


class Statement(Section):
    """Free text by topic. Nothing here changes a figure."""

    purpose: Said = Field(None, description="The question that the study answers, and for whom.")
    population: Said = Field(
        None, description="Whose texts these are, and where the model would be used."
    )
    intended_use: Said = Field(None, description="What the model is meant for.")
    out_of_scope: Said = Field(None, description="What it must not be used for.")
    outcome: Said = Field(None, description="Why the measured outcomes matter in care.")
    annotation: Said = Field(
        None, description="Who labelled the data, how, and how far they agreed."
    )
    text_dates: Said = Field(None, description="Dates of the oldest and the newest text.")
    ethics: Said = Field(None, description="Approval or waiver of an ethics board.")
    funding: Said = Field(None, description="Who paid.")
    conflicts: Said = Field(None, description="Conflicts of interest.")
    protocol: Said = Field(None, description="Where the protocol can be read.")
    registration: Said = Field(None, description="Register and number of the study.")
    public_involvement: Said = Field(None, description="How patients and the public took part.")
    expertise: Said = Field(None, description="What a user must know to use the model.")
    next_steps: Said = Field(None, description="What comes next.")
    risk: Said = Field(None, description="Risk level, and who set it.")
    bias: Said = Field(None, description="What was done about bias.")
    resources: Said = Field(None, description="Papers, reviews and evidence about the model.")
    developer: Said = Field(None, description="Who made the model.")
    availability: Said = Field(None, description="Where the model can be had, in which countries.")
    approval: Said = Field(None, description="Approval by a regulator, or that there is none.")
    maintenance: Said = Field(
        None, description="Who watches over the model in use, and how often it is measured again."
    )
    robustness: Said = Field(
        None,
        description="What happened with empty, misspelt, over-long or foreign input, where "
        "somebody tried.",
    )
    contact: Said = Field(None, description="Whom to ask.")

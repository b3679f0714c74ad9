"""The objective that a bundled model's card tells of."""

import pytest

from impasto.evaluation.trained_styles import objective_facts
from impasto.losses import LossWeights
from impasto.models import list_styles, load_style_model


@pytest.mark.parametrize("quality", ["full", "fast"])
@pytest.mark.parametrize("name", [entry.name for entry in list_styles()])
def test_what_only_guided_the_training_is_not_part_of_the_objective(
    name: str, quality: str
) -> None:
    model = load_style_model(name, quality)
    facts = objective_facts(model)
    trained = model.card["trained"]["weights"]
    assert LossWeights(**facts["weights"]).style == trained["style"] > 0
    assert set(trained) - set(facts["weights"]) <= {"grid", "edges"}

"""The bundled fast networks: one for every style, small, trained from it, and nearly as good."""

from pathlib import Path

import pytest
import torch

from impasto.media import read_picture
from impasto.models import StyleEntry, list_styles, load_style_model
from impasto.networks import StyleNetworkConfig

ROOT = Path(__file__).parents[2]
BUNDLED = list_styles()
ARCHITECTURE = StyleNetworkConfig(architecture="fast", width=0.5, blocks=3)


def _photo() -> torch.Tensor:
    return read_picture(ROOT / "docs" / "sample" / "chelsea.jpg").pixels[..., :256, :256]


def test_every_style_has_one() -> None:
    assert [entry.name for entry in BUNDLED if entry.fast is None] == []


@pytest.mark.parametrize(
    "entry", [entry for entry in BUNDLED if entry.fast], ids=lambda entry: entry.name
)
class TestBundledFastNetwork:
    def test_card_says_what_it_is_and_who_taught_it(self, entry: StyleEntry) -> None:
        model = load_style_model(entry.name, "fast")
        fast = entry.fast
        assert fast is not None
        assert model.name == f"{entry.name}-fast"
        assert model.config == ARCHITECTURE
        assert (fast.title, fast.artist, fast.licence) == (entry.title, entry.artist, entry.licence)
        assert fast.card["bytes"] == fast.bytes < 600_000
        trained, full = fast.card["trained"], entry.card["trained"]
        assert trained["teacher"]["name"] == entry.name
        for key in ("loss_network_hash", "style_sha256", "content_layers", "style_layers"):
            assert trained[key] == full[key]

    def test_objective_is_within_a_fifth_of_the_full_networks(self, entry: StyleEntry) -> None:
        assert entry.fast is not None
        fast, full = (card["objective"] for card in (entry.fast.card, entry.card))
        assert fast["stylised"]["total"] <= 1.2 * full["stylised"]["total"]
        photo = fast["untouched_photo"]["total"]
        assert photo == pytest.approx(full["untouched_photo"]["total"], rel=1e-4)

    def test_colours_are_those_of_the_full_network(self, entry: StyleEntry) -> None:
        photo = _photo()
        with torch.no_grad():
            full, fast = (
                load_style_model(entry.name, quality)(photo) for quality in ("full", "fast")
            )
        assert (full - fast).mean((2, 3)).abs().max() < 0.06
        small = [torch.nn.functional.avg_pool2d(picture, 16) for picture in (full, fast)]
        assert (small[0] - small[1]).abs().mean() < 0.08

    def test_no_grid_is_stamped_on_the_picture(self, entry: StyleEntry) -> None:
        """Its last layer could stamp a pattern on every 2 x 2 pixels; strokes average out."""
        with torch.no_grad():
            painted = load_style_model(entry.name, "fast")(_photo())[0]
        places = torch.nn.functional.pixel_unshuffle(painted, 2).view(3, 4, 128, 128)
        stamp = places - places.mean(1, keepdim=True)
        stamp = torch.nn.functional.avg_pool2d(stamp, 32)
        assert stamp.square().mean().sqrt() < 1.5 / 255

"""Colours moved from one picture to another, by hand."""

import torch

from impasto.media import luma
from impasto.optimization.pictures import gray, gray_style, match_color_statistics


def moments(image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    values = image.double().flatten(2)[0]
    return values.mean(1), torch.cov(values, correction=0)


def test_a_recoloured_painting_has_the_photos_mean_and_covariance() -> None:
    generator = torch.Generator().manual_seed(0)
    style = 0.3 + 0.4 * torch.rand(1, 3, 60, 50, generator=generator)
    mixed = torch.einsum(
        "ij,njhw->nihw",
        torch.tensor([[0.5, 0.2, 0.0], [0.1, 0.4, 0.1], [0.2, 0.0, 0.3]]),
        torch.rand(1, 3, 40, 70, generator=generator),
    )
    photo = 0.25 + 0.5 * mixed
    found = match_color_statistics(style, photo)
    assert found.shape == style.shape
    for ours, wanted in zip(moments(found), moments(photo), strict=True):
        torch.testing.assert_close(ours, wanted, rtol=0, atol=3e-4)


def test_a_picture_matched_to_itself_stays_as_it_is() -> None:
    picture = torch.rand(1, 3, 20, 30, generator=torch.Generator().manual_seed(1))
    found = match_color_statistics(picture, picture)
    torch.testing.assert_close(found, picture, rtol=0, atol=1e-5)


def test_a_grey_photo_gives_a_grey_painting() -> None:
    generator = torch.Generator().manual_seed(2)
    style = torch.rand(1, 3, 30, 30, generator=generator)
    photo = torch.rand(1, 1, 30, 30, generator=generator).expand(1, 3, 30, 30)
    found = match_color_statistics(style, photo)
    spread = found.amax(1) - found.amin(1)
    assert float(spread.mean()) < 0.02


def test_for_luminance_alone_the_painting_is_grey_with_the_photos_mean_and_deviation() -> None:
    generator = torch.Generator().manual_seed(3)
    style = torch.rand(1, 3, 40, 40, generator=generator)
    photo = 0.4 + 0.2 * torch.rand(1, 3, 40, 40, generator=generator)
    found = gray_style(style, photo)
    assert torch.equal(found[:, 0], found[:, 2])
    assert abs(float(found.mean() - luma(photo).mean())) < 1e-4
    assert abs(float(found.std() - luma(photo).std())) < 1e-3
    assert torch.equal(gray(photo)[:, 1:2], luma(photo))

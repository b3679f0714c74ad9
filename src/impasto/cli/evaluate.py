"""`impasto evaluate`: models on test sets or photos, one results file, a table."""

from pathlib import Path
from typing import Annotated, Any

import typer

from impasto.cli.options import Device, DeviceName
from impasto.cli.root import App

evaluate_app = App(help="Measure models: super-resolution by a named protocol, styles.")


@evaluate_app.callback()
def _evaluate() -> None:
    """Measure models. Run the same command again to go on where it stopped."""


def _flag(text: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, help=text, **more)


@evaluate_app.command("superres")
def evaluate_superres_command(
    models: Annotated[
        str | None,
        _flag(
            "As bicubic,pixel,FILE,LABEL=FILE: filters, bundled models, model files. [bilinear, "
            "bicubic, lanczos, and of srcnn, pixel and perceptual those there are]"
        ),
    ] = None,
    sets: Annotated[
        str, _flag("set5, set14, bsd100 (downloaded if need be), or folders of images.")
    ] = "set5,set14,bsd100",
    factor: Annotated[int, _flag("2, 3, 4 or 8.")] = 4,
    protocol: Annotated[
        str, _flag("standard, blur (the paper's degradation), or rgb.")
    ] = "standard",
    output: Annotated[Path, _flag("The results, a .json file.", "--output", "-o")] = Path(
        "results.json"
    ),
    data: Annotated[
        Path | None, _flag("Folder with the test sets as folders; else $IMPASTO_DATA/superres.")
    ] = None,
    distances: Annotated[
        str,
        _flag(
            "Perceptual ones: lpips-alex, lpips-vgg, lpips-squeeze, lpips-squeeze-caffe, "
            "features-googlenet; auto: what is at hand; none."
        ),
    ] = "auto",
    color_match: Annotated[
        str,
        _flag("none, histogram, low-frequency; several, as none,histogram, to see the cost."),
    ] = "none",
    crops: Annotated[int, _flag("Images a set of which crops are kept for figures.", min=0)] = 3,
    save_images: Annotated[Path | None, _flag("Folder that keeps the whole outputs.")] = None,
    repeats: Annotated[int, _flag("Times each image is enlarged, for the time.", min=1)] = 1,
    device: Device = DeviceName.auto,
    overwrite: Annotated[bool, _flag("Measure all of it again.", "--overwrite")] = False,
) -> None:
    """PSNR, SSIM, perceptual distance and time of super-resolution models.

    Results go into a JSON file, its table beside it as Markdown and here. What the file has
    already, of the same images and weights, is kept. `impasto figures` draws it.
    """
    from impasto.cli.evaluation_progress import EvaluationProgress, comma_list
    from impasto.evaluation import SuperResEvaluation, evaluate_superres, results_table
    from impasto.evaluation.methods import default_models
    from impasto.files.atomic import write_text

    config = SuperResEvaluation(
        models=comma_list("--models", models) if models else default_models(factor),
        sets=comma_list("--sets", sets),
        factor=factor,
        protocol=protocol,
        output=output,
        data=data,
        distances=comma_list("--distances", distances),
        color_matches=comma_list("--color-match", color_match),
        crops=crops,
        save_images=save_images,
        device=device.value,
        repeats=repeats,
        overwrite=overwrite,
    )
    with EvaluationProgress.running() as progress:
        results = evaluate_superres(config, progress)
    table = results_table(results)
    write_text(output.with_suffix(".md"), table)
    typer.echo(table)
    typer.echo(f"results: {output}\ndraw them with: impasto figures {output}")
    progress.finish()


@evaluate_app.command("style")
def evaluate_style_command(
    styles: Annotated[
        str | None, _flag("As starry-night,FILE: bundled styles or files. [all of them]")
    ] = None,
    photos: Annotated[
        Path | None, _flag("Folder of held-out photos; else $IMPASTO_DATA/photos/eval50.")
    ] = None,
    count: Annotated[int | None, _flag("How many of the photos. [all]", min=1)] = None,
    paintings: Annotated[
        Path | None, _flag("Folder with the styles' paintings. [recipes/paintings]")
    ] = None,
    output: Annotated[Path, _flag("The results, a .json file.", "--output", "-o")] = Path(
        "style.json"
    ),
    loss_network: Annotated[
        str,
        _flag(
            "Name or file of one not used in training; auto: SqueezeNet, or else GoogLeNet.",
            metavar="NAME",
        ),
    ] = "auto",
    style_layers: Annotated[str | None, _flag("As relu1,fire2; else by network.")] = None,
    content_layers: Annotated[str | None, _flag("As fire5; else by network.")] = None,
    size: Annotated[int, _flag("Side of the photos' middle square, px.", min=64)] = 256,
    lbfgs: Annotated[
        int, _flag("Photos, the first ones, that L-BFGS paints too, as a baseline.", min=0)
    ] = 0,
    iterations: Annotated[int, _flag("Of L-BFGS.", min=1)] = 100,
    allow_training_network: Annotated[
        bool, _flag("Measure with a network of the training all the same.")
    ] = False,
    device: Device = DeviceName.auto,
    overwrite: Annotated[bool, _flag("Measure all of it again.", "--overwrite")] = False,
) -> None:
    """Style and content distance of styles, by a loss network that they were not trained with.

    Beside them the untouched photo and the painting itself, and whether the nearest painting is
    the style's own. `impasto figures` draws the results.
    """
    from impasto.cli.evaluation_progress import EvaluationProgress, comma_list
    from impasto.evaluation.style_evaluation import StyleEvaluation, evaluate_style
    from impasto.evaluation.style_table import style_markdown
    from impasto.files.atomic import write_text

    config = StyleEvaluation(
        output=output,
        styles=comma_list("--styles", styles) if styles else (),
        photos=photos,
        count=count,
        paintings=paintings,
        loss_network=loss_network,
        style_layers=comma_list("--style-layers", style_layers) if style_layers else (),
        content_layers=comma_list("--content-layers", content_layers) if content_layers else (),
        size_px=size,
        lbfgs=lbfgs,
        iterations=iterations,
        allow_training_network=allow_training_network,
        device=device.value,
        overwrite=overwrite,
    )
    with EvaluationProgress.running() as progress:
        record = evaluate_style(config, progress)
    table = style_markdown(record)
    write_text(output.with_suffix(".md"), table)
    typer.echo(table)
    typer.echo(f"results: {output}\ndraw them with: impasto figures {output}")

"""Which picture goes through which model into which file: all decided before any work."""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from impasto.errors import OptionError
from impasto.events import Failed
from impasto.files.user_files import nearest_folder, user_path
from impasto.jobs.finding import Source, find_sources, is_one_file, shown
from impasto.options import Options, option


@dataclass(frozen=True, kw_only=True)
class Job:
    """Send `source` through `model` (a name or a file, as given) into `target`."""

    source: Path
    model: str
    target: Path


@dataclass(frozen=True, kw_only=True)
class OutputOptions(Options):
    """Where the results go, in which format, and what becomes of those that are there."""

    output: str | None = option(
        None,
        "File or folder of the result.",
        unit="file_or_folder",
        default_text="for one photo the current folder, else ./painted, ./upscaled or ./restored",
        flags=("--output", "-o"),
        group="Input and output",
    )
    format: str | None = option(
        None,
        "Format of the results: png, jpg, webp, tiff ...",
        unit="suffix",
        default_text="the photo's; png where that cannot be written",
        group="Input and output",
    )
    overwrite: bool = option(
        False, "Do again what is already there.", flags=("--overwrite",), group="Input and output"
    )


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where results go: into one named `file`, or else below `folder`."""

    folder: Path
    file: Path | None = None


def plan(
    inputs: Sequence[str],
    labels: Mapping[str, str],
    options: OutputOptions,
    *,
    default_folder: Path,
    failures: list[Failed],
) -> list[Job]:
    """Inputs as named (files, folders, globs) to jobs, finished ones too.

    `labels` has each model as given, and what it adds to file names. Inputs that name no picture
    are added to `failures`. Raises OptionError as `choose_output` and `plan_jobs` do, and for a
    `format` that cannot be written or is not that of `output`.
    """
    from impasto.media import WRITABLE_SUFFIXES  # here, so that a command's help does not load it

    suffix = None if options.format is None else f".{options.format.lower().removeprefix('.')}"
    if suffix is not None and suffix not in WRITABLE_SUFFIXES:
        known = ", ".join(sorted(name[1:] for name in WRITABLE_SUFFIXES))
        raise OptionError(f"`format` {options.format}: cannot be written; use one of {known}")
    place = choose_output(
        options.output,
        default_folder=default_folder,
        one_file=is_one_file(inputs),
        one_model=len(labels) == 1,
        suffixes=WRITABLE_SUFFIXES,
    )
    if suffix is not None and place.file is not None and place.file.suffix.lower() != suffix:
        raise OptionError(
            f"`format` {options.format} and `output` {place.file} name two formats; "
            "leave one of them out"
        )
    sources = find_sources(inputs, output_folder=place.folder)
    failures.extend(sources.failures)
    return plan_jobs(sources.found, labels, place, suffix=suffix, suffixes=WRITABLE_SUFFIXES)


def choose_output(
    given: str | None,
    *,
    default_folder: Path,
    one_file: bool,
    one_model: bool,
    suffixes: Collection[str],
) -> Place:
    """Read `output`: a folder, or a file when one picture goes through one model.

    Without it one named file has its result in the current folder, anything else in
    `default_folder`. `suffixes` are those that can be written. Raises OptionError when `given`
    names one file for several results, or a file of a format that cannot be written.
    """
    if given is None:
        return Place(folder=Path() if one_file else default_folder)
    path = user_path(given)
    if given.endswith((os.sep, "/")) or os.path.isdir(path) or not path.suffix:
        return Place(folder=path)
    writable = path.suffix.lower() in suffixes
    if not (one_file and one_model):
        if writable:
            raise OptionError(
                f"`output` {shown(path)} names one file, but there may be several results; "
                "give a folder"
            )
        return Place(folder=path)
    if not writable:
        raise OptionError(
            f"`output` {shown(path)}: cannot write {path.suffix} files; "
            f"use one of {', '.join(sorted(suffixes))}, or end a folder's name with /"
        )
    return Place(folder=path.parent, file=path)


def file_label(name: str) -> str:
    """A model's name as a part of file names: "Starry Night/2" -> "starry-night-2"."""
    return re.sub(r"[^\w.]+", "-", name).strip("-.").lower() or "model"


def plan_jobs(
    sources: Sequence[Source],
    labels: Mapping[str, str],
    output: Place,
    *,
    suffix: str | None,
    suffixes: Collection[str],
) -> list[Job]:
    """One job per picture and model, models outermost; targets are all different.

    A target is named STEM-LABEL.SUFFIX, in the folder structure of its source. `suffix` replaces
    that of the source; a source whose own cannot be written becomes .png. Names that collide get
    their source's folder in front, or else its suffix behind the stem; a picture that is itself
    another job's target is an earlier result and left out.
    Raises OptionError if a target would be its own source, or names still collide.
    """
    if len(set(labels.values())) < len(labels):
        both = " and ".join(labels)
        raise OptionError(f"{both}: one name for several models; use them one at a time")
    jobs = [
        Job(source=source.path, model=model, target=target)
        for model, label in labels.items()
        for source, target in _targets(sources, label, output, suffix, suffixes)
    ]
    for job in jobs:
        if _one_file(job.source, job.target):
            raise OptionError(
                f"`output` {shown(job.target)} is the input itself, which is never overwritten; "
                "give another name"
            )
    targets = {_key(job.target) for job in jobs}
    jobs = [job for job in jobs if _key(job.source) not in targets]
    _refuse_collisions(jobs)
    return jobs


def _targets(
    sources: Sequence[Source],
    label: str,
    output: Place,
    suffix: str | None,
    suffixes: Collection[str],
) -> list[tuple[Source, Path]]:
    if output.file is not None:
        return [(source, output.file) for source in sources]

    def name(source: Source) -> Path:
        own = source.path.suffix.lower()
        ending = suffix or (own if own in suffixes else ".png")
        return source.place.with_name(f"{source.place.stem}-{label}{ending}")

    return [(source, output.folder / name(source)) for source in _distinct(sources, name)]


def _distinct(sources: Sequence[Source], name: Callable[[Source], Path]) -> list[Source]:
    """The same sources with places changed where `name` would give two of them one file."""
    for widen in (_with_folder, _with_suffix):
        groups: dict[str, list[Source]] = defaultdict(list)
        for source in sources:
            # Two names that differ in case only are one file on many disks.
            groups[str(name(source)).casefold()].append(source)
        changed = {
            source.path: place
            for group in groups.values()
            if len(group) > 1
            for source, place in zip(group, widen(group), strict=True)
        }
        sources = [replace(s, place=changed.get(s.path, s.place)) for s in sources]
    return list(sources)


def _with_folder(group: Sequence[Source]) -> list[Path]:
    """Places from the deepest folder that the sources share."""
    paths = [source.path.absolute() for source in group]
    if len({path.parent for path in paths}) == 1 or len({path.anchor for path in paths}) > 1:
        return [source.place for source in group]
    shared = os.path.commonpath([path.parent for path in paths])
    return [path.relative_to(shared) for path in paths]


def _with_suffix(group: Sequence[Source]) -> list[Path]:
    """Places with the source's suffix behind the stem: a.jpg and a.png become a-jpg and a-png."""
    places = [source.place for source in group]
    return [place.with_name(f"{place.stem}-{place.suffix[1:]}{place.suffix}") for place in places]


def _refuse_collisions(jobs: Sequence[Job]) -> None:
    first: dict[Path, Job] = {}
    for job in jobs:
        other = first.setdefault(_key(job.target), job)
        if other is not job:
            raise OptionError(
                f"{shown(other.source)} and {shown(job.source)} would both become "
                f"{shown(job.target)}; do them one at a time with different `output`"
            )


def _one_file(source: Path, target: Path) -> bool:
    both_exist = os.path.exists(source) and os.path.exists(target)
    return both_exist and os.path.samefile(source, target)


def _key(path: Path) -> Path:
    """The file that a path means. The last part is not followed: writing replaces a link."""
    return path.parent.resolve() / path.name


def check_file(target: Path, option: str, *, overwrite: bool) -> None:
    """Raise OptionError, which names the option, for a file that cannot or must not be written."""
    if target.is_dir():
        raise OptionError(f"`{option}` {target}: is a folder; give the name of a file")
    if target.exists() and not overwrite:
        raise OptionError(f"{target} is already there; add `overwrite`, or choose another name")
    folder = nearest_folder(target.absolute().parent)
    if not folder.is_dir():
        raise OptionError(f"`{option}` {target}: {folder} is not a folder; choose another place")
    if not os.access(folder, os.W_OK):
        raise OptionError(
            f"`{option}` {target}: no permission to write to {folder}; choose another place"
        )

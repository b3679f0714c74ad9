"""Many pictures in one go: find, name, skip, run, report. Prints nothing, never exits.

    failures: list[Failed] = []
    jobs = plan(["photos/"], {"wave": "wave"}, OutputOptions(), default_folder=Path("painted"),
                failures=failures)
    report = run_jobs(jobs, paint, on_event=show, cancel=token)

For the command line, a studio and a cluster: jobs are plain data, so each machine may run a part
of the list (`jobs[number::machines]`), and what one has finished is skipped by all.
"""

from impasto.jobs.batches import restore_pictures, stylize_pictures, upscale_pictures
from impasto.jobs.finding import Source, Sources, find_sources, is_one_file, shown
from impasto.jobs.naming import Job, OutputOptions, check_file, file_label, plan
from impasto.jobs.running import Report, run_jobs

__all__ = [
    "Job",
    "OutputOptions",
    "Report",
    "Source",
    "Sources",
    "check_file",
    "file_label",
    "find_sources",
    "is_one_file",
    "plan",
    "restore_pictures",
    "run_jobs",
    "shown",
    "stylize_pictures",
    "upscale_pictures",
]

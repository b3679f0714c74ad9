"""`impasto` and `python -m impasto`."""

import sys


def main() -> None:
    """Run the command line. Exits 0 when done, 1 on failures, 2 on wrong usage, 130 on Ctrl-C."""
    try:
        # Imported here, so that Ctrl-C is clean from the first moment.
        from impasto.cli.app import app

        app(prog_name="impasto")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

"""Run any network: back ends, tiles, whole-picture statistics, stores."""

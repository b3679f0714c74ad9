"""Plans written down as graphs for other runtimes."""

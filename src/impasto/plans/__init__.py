"""Networks as pure data: plans, and what writes them for other runtimes."""

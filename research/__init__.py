"""Re-makes the paper's figures and tables, ours beside its own: `python -m research`.

Beside the package, not in it: run from a checkout. Plots are matplotlib's.
"""

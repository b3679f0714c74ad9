"""Photos to batches; good pictures made bad. Here the names alone, which need no torch."""

DEGRADATIONS = ("standard", "blur", "photo")  # what makes the low resolution
RESTORATIONS = ("noise", "gray", "jpeg", "blur", "holes")  # what is repaired at its own size

# The option that says how bad the pictures are, for those that draw it.
RESTORATION_RANGES = {"noise": "sigma", "jpeg": "quality", "blur": "sigma_px", "holes": "area"}

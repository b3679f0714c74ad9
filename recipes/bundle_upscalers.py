"""Put trained super-resolution and restoration models into the package, with their cards.

python recipes/bundle_upscalers.py runs/pixel-x4/model.safetensors ...
"""

import json
import sys
from pathlib import Path

from impasto.models import load_superres_model, save_model
from impasto.models.upscalers import UPSCALERS_FOLDER, find_upscaler


def bundle(model_file: Path) -> None:
    """Copy a model under its card's name, the card beside it."""
    model = load_superres_model(model_file)
    target = UPSCALERS_FOLDER / f"{model.name}.safetensors"
    save_model(target, model.network, model.config, model.card)
    card = {**load_superres_model(target).card, "bytes": target.stat().st_size}
    text = json.dumps(card, indent=2, ensure_ascii=False)
    target.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    entry = find_upscaler(model.name)
    print(f"{entry.name}: factor {entry.factor}, {entry.bytes / 1e6:.2f} MB")


if __name__ == "__main__":
    UPSCALERS_FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:]:
        bundle(Path(name))

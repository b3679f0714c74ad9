"""What `train_together.py` is made of: several styles in one training on one graphics card."""

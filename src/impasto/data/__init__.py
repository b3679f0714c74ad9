"""Photo folders to crops."""

from impasto.data.photos import PhotoBatch, PhotoCrops, find_photos, photo_batches

__all__ = ["PhotoBatch", "PhotoCrops", "find_photos", "photo_batches"]

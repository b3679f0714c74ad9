"""What can go wrong, by kind. A message names the file or option, what is wrong, what to do."""


class ImpastoError(Exception):
    """Base of every error that Impasto raises on purpose; the command line prints it and exits."""


class ImageError(ImpastoError, ValueError):
    """A picture file cannot be read or written as asked."""


class OptionError(ImpastoError, ValueError):
    """An option or argument has a value that makes no sense."""


class ModelError(ImpastoError, ValueError):
    """A model is unknown, or its file is not one that Impasto wrote."""


class WeightsError(ImpastoError):
    """Loss-network weights are missing, damaged or of another network."""


class TrainingError(ImpastoError):
    """Training cannot start or cannot go on."""


class OptimizationError(ImpastoError):
    """Optimising an image cannot start or cannot go on."""

from impasto.machine.precision import (
    has_parts as has_parts,
)
from impasto.machine.precision import (
    some_rows as some_rows,
)
from impasto.machine.precision import (
    suitable_precision as suitable_precision,
)

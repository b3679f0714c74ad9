from impasto.machine.memory import (
    give_back_freed_memory as give_back_freed_memory,
)
from impasto.machine.memory import (
    keep_freed_memory as keep_freed_memory,
)

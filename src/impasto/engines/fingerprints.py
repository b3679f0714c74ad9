from impasto.engines.scratch import file_hash as file_hash
from impasto.engines.scratch import network_hash as network_hash

"""What there is to compute with: devices, precision, memory, processor, optional extras."""

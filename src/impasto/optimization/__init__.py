"""Optimise the pixels of an image: Gatys et al., feature inversion, texture synthesis."""

"""Style networks that other projects trained: their files read safely, and put into ours."""

"""Benchmarks: icon world, LMD, speed."""

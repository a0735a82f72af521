"""``python -m evals`` (``make bench``): the speed benchmark and a part of LMD, written down in RESULTS.md."""

from evals.bench import main

main()

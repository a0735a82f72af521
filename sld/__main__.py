"""``python -m sld`` is the console command ``sld``."""

from sld.cli import main

if __name__ == "__main__":
    main()

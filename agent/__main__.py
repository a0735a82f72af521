"""``python -m agent`` is the console command ``sld``."""

from agent.cli.app import main

if __name__ == "__main__":
    main()

"""The console command ``sld``: arguments in, messages and exit codes out."""

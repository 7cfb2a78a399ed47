"""The studies that come with the package: one file each, whose docstring is its claim, cost and command."""

"""The command line `vicinal`. Its entry point is `vicinal_cli.main:main`."""

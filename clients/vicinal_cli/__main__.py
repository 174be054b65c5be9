"""The command line without an installed script: `python -m vicinal_cli`."""

from vicinal_cli.main import main

if __name__ == "__main__":
    main()

"""`python -m medtune`."""

from medtune.cli.app import main

if __name__ == "__main__":
    main()

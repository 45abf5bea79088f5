"""The command ``incident-manager``."""

from receiver.cli.root import main

if __name__ == "__main__":
    main()

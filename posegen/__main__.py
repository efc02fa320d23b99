"""`python -m posegen`, and `torchrun … -m posegen`."""

from posegen.cli.main import run

if __name__ == "__main__":
    run()

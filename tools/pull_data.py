"""Old name of python -m tools.hub pull-data."""

from tools.app.renamed import renamed

if __name__ == "__main__":
    renamed("pull_data", "hub pull-data")

"""Old name of python -m tools.hub push-data."""

from tools.app.renamed import renamed

if __name__ == "__main__":
    renamed("push_data", "hub push-data")

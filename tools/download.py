"""Old name of python -m tools.hub download."""

from tools.app.renamed import renamed

if __name__ == "__main__":
    renamed("download", "hub download")

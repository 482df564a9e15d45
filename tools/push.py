"""Old name of python -m tools.hub push."""

from tools.app.renamed import renamed

if __name__ == "__main__":
    renamed("push", "hub push")

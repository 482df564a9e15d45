"""Old name of python -m tools.import diamond."""

from tools.app.renamed import renamed

if __name__ == "__main__":
    renamed("import_diamond", "import diamond")

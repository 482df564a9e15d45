"""Old name of python -m tools.import minari."""

from tools.app.renamed import renamed

if __name__ == "__main__":
    renamed("import_minari", "import minari")

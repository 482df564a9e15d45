"""Old name of python -m tools.import csgo."""

from tools.app.renamed import renamed

if __name__ == "__main__":
    renamed("import_csgo", "import csgo")

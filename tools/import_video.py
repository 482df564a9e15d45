"""Old name of python -m tools.import video."""

from tools.app.renamed import renamed

if __name__ == "__main__":
    renamed("import_video", "import video")

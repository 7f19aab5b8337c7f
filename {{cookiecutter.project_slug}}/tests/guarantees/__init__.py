"""The proof of every guarantee of this project, on its own database."""

"""Tests of every guarantee of this project, on its own database."""

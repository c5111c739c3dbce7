"""Tests that run programs which nobody here wrote, and one C++ program of ours that uses the whole language."""

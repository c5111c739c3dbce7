"""Windows programs built from our sources, and what a Windows system prints for them."""

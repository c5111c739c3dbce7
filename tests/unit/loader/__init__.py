"""The loader, without an engine: images written here, guest code played by Python functions."""

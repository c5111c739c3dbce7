"""The guest's address space and the engines that execute its code."""

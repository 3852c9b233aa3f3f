"""The commands that move money, or look at how it moved."""

"""The server programs: finding them, preparing their data, starting and ending them."""

"""Pages of billing: fetch, call one function, render."""

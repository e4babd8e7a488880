"""The lists of billing, one module each: a filter in, one page of rows (or all of them, for an export) out.

What they share: `paging` (keyset pages), `filters` (what one can ask for), `rows` (what a list is made of).
"""

"""How values look on a page: money, moments, icons, charts. Display only: no queries, no rules."""

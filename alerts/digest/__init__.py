"""The summary of a day or a week, to the channels of a workspace at its hour (P29)."""

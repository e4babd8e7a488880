"""Telling customers that their card expires soon, where a workspace wants that.

A round a day and mode: `reading` brings the cards of the newest charges, `judging` writes to those that it concerns.
"""

"""Markdown as models write it: into units, code into colours, formulas into pictures.

Knows neither widgets nor documents. All text is untrusted: HTML is text, nothing is fetched, and
each step is bounded however the text was made.
"""

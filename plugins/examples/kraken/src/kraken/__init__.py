"""Kraken's spot market (https://docs.kraken.com/api-reference), in pure functions."""

"""The Kraken adapter: what the component exports. One class for each interface of the contract."""

from kraken.account import Account
from kraken.describe import Descriptor
from kraken.market import Market
from kraken.trading import Trading

__all__ = ["Account", "Descriptor", "Market", "Trading"]

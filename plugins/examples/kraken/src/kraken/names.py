"""Kraken's names of assets, and the common ones.

Source of the pairs: ccxt 4.5.90, `kraken.py`, `commonCurrencies`; Kraken calls only XBT and XDG by names of its
own today and keeps X and Z before its oldest assets (https://api.kraken.com/0/public/Assets, `altname`).
"""

_COMMON = {
    "XBT": "BTC",
    "XDG": "DOGE",
    "LUNA": "LUNC",
    "LUNA2": "LUNA",
    "UST": "USTC",
    "REP": "REPV1",
    "REPV2": "REP",
}

# The oldest assets, whose id is not their name.
_OLD = {
    "XETC": "ETC",
    "XETH": "ETH",
    "XLTC": "LTC",
    "XMLN": "MLN",
    "XREP": "REP",
    "XXBT": "XBT",
    "XXDG": "XDG",
    "XXLM": "XLM",
    "XXMR": "XMR",
    "XXRP": "XRP",
    "XZEC": "ZEC",
    "ZAUD": "AUD",
    "ZCAD": "CAD",
    "ZEUR": "EUR",
    "ZGBP": "GBP",
    "ZJPY": "JPY",
    "ZUSD": "USD",
}


def of_name(name: str) -> str:
    """The common code of an asset by its name in `wsname` (`XBT`)."""
    return _COMMON.get(name, name)


def of_id(asset: str) -> str:
    """The common code of an asset by its id in balances (`XXBT`, `ZUSD`, `XBT.F`).

    What follows a point says how the asset is held (`.F` earning, `.S` staked ...) and stays.
    """
    name, point, kind = asset.partition(".")
    return of_name(_OLD.get(name, name)) + point + kind

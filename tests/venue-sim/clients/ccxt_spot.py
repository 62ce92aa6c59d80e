#!/usr/bin/env python3
"""Drives a running venue simulator with ccxt's Binance client, as any user of that library would.

    pip install ccxt
    python ccxt_spot.py [http://127.0.0.1:9101]
"""

import sys
import time
from decimal import Decimal

import ccxt

# Keys of the simulator's default account. They exist nowhere else.
API_KEY = "switchyardSimulatorOnlyKey0000000000000000000000000000000000000"
SECRET = "switchyardSimulatorOnlySecret0000000000000000000000000000000000"


def client(url, **options):
    exchange = ccxt.binance(
        {
            "apiKey": API_KEY,
            "secret": SECRET,
            "enableRateLimit": False,
            "options": {
                "defaultType": "spot",
                "fetchMarkets": {"types": ["spot"]},
                "fetchCurrencies": False,
                "fetchMargins": False,
                **options,
            },
        }
    )
    exchange.urls["api"]["public"] = url + "/api/v3"
    exchange.urls["api"]["private"] = url + "/api/v3"
    exchange.urls["api"]["v1"] = url + "/api/v1"
    return exchange


def check(name, condition, seen=None):
    print(("ok   " if condition else "FAIL ") + name)
    if not condition:
        raise SystemExit(f"{name}: {seen!r}")


def refused(kind, call):
    try:
        call()
    except kind as error:
        return str(error)
    return None


def main():
    url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:9101"
    exchange = client(url)
    markets = exchange.load_markets()
    check("exchange info lists markets", {"BTC/USDT", "ETH/BTC", "SHIB/USDT"} <= set(markets), list(markets))
    check("a halted market is inactive", markets["LUNA/USDT"]["active"] is False, markets["LUNA/USDT"])
    check("server time is near", abs(exchange.fetch_time() - time.time() * 1000) < 2000)

    book = exchange.fetch_order_book("BTC/USDT", 10)
    check("book has both sides", len(book["bids"]) == 10 and len(book["asks"]) == 10, book)
    check("book is not crossed", book["bids"][0][0] < book["asks"][0][0], book)
    ticker = exchange.fetch_ticker("BTC/USDT")
    check("ticker has a last price", ticker["last"] > 0 and ticker["quoteVolume"] > 0, ticker)
    check("all tickers", len(exchange.fetch_tickers()) >= 10)
    check("public trades", len(exchange.fetch_trades("ETH/USDT", limit=5)) == 5)
    check("candles", len(exchange.fetch_ohlcv("BTC/USDT", "1h", limit=5)) == 5)

    before = exchange.fetch_balance()
    check("balance", before["USDT"]["free"] > 0, before["USDT"])

    price = exchange.price_to_precision("BTC/USDT", ticker["last"] * 0.9)
    client_id = f"check{time.time_ns()}"
    order = exchange.create_order("BTC/USDT", "limit", "buy", 0.001, float(price), {"newClientOrderId": client_id})
    check("limit order rests", order["status"] == "open" and order["clientOrderId"] == client_id, order)
    locked = Decimal(str(exchange.fetch_balance()["USDT"]["used"])) - Decimal(str(before["USDT"]["used"]))
    check("its cost is locked", locked == Decimal(price) * Decimal("0.001"), locked)
    got = exchange.fetch_order(order["id"], "BTC/USDT")
    check("get by venue id", got["price"] == float(price) and got["amount"] == 0.001, got)
    got = exchange.fetch_order(None, "BTC/USDT", {"origClientOrderId": client_id})
    check("get by client id", got["id"] == order["id"], got)
    check("open orders", order["id"] in [o["id"] for o in exchange.fetch_open_orders("BTC/USDT")])
    duplicate = refused(
        ccxt.InvalidOrder,
        lambda: exchange.create_order("BTC/USDT", "limit", "buy", 0.001, float(price), {"newClientOrderId": client_id}),
    )
    check("duplicate client id is refused", duplicate and "Duplicate order sent." in duplicate, duplicate)
    lower = exchange.price_to_precision("BTC/USDT", ticker["last"] * 0.8)
    edited = exchange.edit_order(order["id"], "BTC/USDT", "limit", "buy", 0.002, float(lower))
    check("cancel-replace gives a new order", edited["id"] != order["id"] and edited["amount"] == 0.002, edited)
    cancelled = exchange.cancel_order(edited["id"], "BTC/USDT")
    check("cancel", cancelled["status"] == "canceled", cancelled)
    gone = refused(ccxt.OrderNotFound, lambda: exchange.cancel_order(edited["id"], "BTC/USDT"))
    check("cancelling twice is refused", gone and "Unknown order sent." in gone, gone)

    bought = exchange.create_order("ETH/USDT", "market", "buy", 0.5)
    check("market order fills", bought["status"] == "closed" and bought["filled"] == 0.5, bought)
    check("fills carry fees", bought["trades"] and bought["fees"][0]["currency"] == "ETH", bought)
    spent = exchange.create_market_buy_order_with_cost("ETH/USDT", 100)
    check("market order by cost", spent["status"] == "closed" and 0 < spent["cost"] <= 100, spent)
    mine = exchange.fetch_my_trades("ETH/USDT")
    check("own trades", any(t["order"] == bought["id"] for t in mine), mine)
    check("closed orders", bought["id"] in [o["id"] for o in exchange.fetch_closed_orders("ETH/USDT")])
    check("all orders", len(exchange.fetch_orders("BTC/USDT")) >= 2)

    poor = refused(ccxt.InsufficientFunds, lambda: exchange.create_order("BTC/USDT", "limit", "buy", 100, float(price)))
    check("insufficient funds", poor and "insufficient balance" in poor, poor)
    small = refused(ccxt.BaseError, lambda: exchange.create_order("BTC/USDT", "limit", "buy", 0.00001, float(price)))
    check("too small", small and "NOTIONAL" in small, small)
    maker = refused(
        ccxt.OrderImmediatelyFillable,
        lambda: exchange.create_order("BTC/USDT", "limit", "buy", 0.01, ticker["last"] * 1.1, {"postOnly": True}),
    )
    check("post-only is refused when it would take", maker is not None, maker)
    wrong = client(url)
    wrong.secret = "not the secret"
    unsigned = refused(ccxt.AuthenticationError, wrong.fetch_balance)
    check("a wrong signature is refused", unsigned and "Signature for this request is not valid." in unsigned, unsigned)
    skewed = client(url)
    skewed.nonce = lambda: exchange.milliseconds() - 60_000
    late = refused(ccxt.InvalidNonce, skewed.fetch_balance)
    check("an old timestamp is refused", late and "outside of the recvWindow" in late, late)
    print("all checks passed")


if __name__ == "__main__":
    main()

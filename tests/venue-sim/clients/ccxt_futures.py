#!/usr/bin/env python3
"""Drives a venue simulator with ccxt's Binance client on every product, as any user of that library would.

    pip install ccxt
    python ccxt_futures.py [http://127.0.0.1:9101]

Without a URL it starts the simulator itself, from the workspace that it lies in.
"""

import json
import pathlib
import subprocess
import sys
import time
from decimal import Decimal

import ccxt

# Keys of the simulator's default account. They exist nowhere else.
API_KEY = "switchyardSimulatorOnlyKey0000000000000000000000000000000000000"
SECRET = "switchyardSimulatorOnlySecret0000000000000000000000000000000000"

# What is traded here: name, unified symbol, an amount, one beyond the margin, and the asset of fees and profit.
PRODUCTS = [
    ("spot", "BTC/USDT", 0.01, None, None),
    ("USD-M perpetual in USDT", "BTC/USDT:USDT", 0.01, 999, "USDT"),
    ("USD-M perpetual in USDC", "ETH/USDC:USDC", 0.5, 9_999, "USDC"),
    ("USD-M delivery", "BTC/USDT:USDT-261225", 0.01, 999, "USDT"),
    ("COIN-M perpetual", "BTC/USD:BTC", 5, 999_999, "BTC"),
    ("COIN-M delivery", "ETH/USD:ETH-261225", 20, 999_999, "ETH"),
]


def client(url):
    exchange = ccxt.binance(
        {
            "apiKey": API_KEY,
            "secret": SECRET,
            "enableRateLimit": False,
            "options": {
                "fetchMarkets": {"types": ["spot", "linear", "inverse"]},
                "fetchCurrencies": False,
                "fetchMargins": False,
            },
        }
    )
    api = exchange.urls["api"]
    api["public"] = api["private"] = url + "/api/v3"
    api["v1"] = url + "/api/v1"
    for name, prefix in (("fapi", "/fapi"), ("dapi", "/dapi")):
        for kind in ("Public", "Private"):
            api[name + kind] = f"{url}{prefix}/v1"
            for version in ("V2", "V3"):
                if name + kind + version in api:
                    api[name + kind + version] = f"{url}{prefix}/{version.lower()}"
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


def drive(exchange, product, symbol, amount, too_much, settle):
    market = exchange.market(symbol)

    def ok(name, condition, seen=None):
        check(f"{product}: {name}", condition, seen)

    of_market = {}
    if settle is not None:
        of_market = {"type": market["type"], "subType": "linear" if market["linear"] else "inverse"}
        # As an option, because as a parameter ccxt passes it on to endpoints that do not know it.
        exchange.options["defaultSubType"] = of_market["subType"]
    ok("listed and active", market["active"], market)
    ok("settles in", market["settle"] == settle, market["settle"])
    book = exchange.fetch_order_book(symbol, 10)
    ok("book has both sides and is not crossed", book["bids"][0][0] < book["asks"][0][0], book)
    ticker = exchange.fetch_ticker(symbol)
    ok("ticker", ticker["last"] > 0, ticker)
    ok("candles", len(exchange.fetch_ohlcv(symbol, "1h", limit=5)) == 5)
    ok("public trades", len(exchange.fetch_trades(symbol, limit=5)) == 5)

    price = float(exchange.price_to_precision(symbol, ticker["last"] * 0.97))
    client_id = f"check{time.time_ns()}"
    order = exchange.create_order(symbol, "limit", "buy", amount, price, {"newClientOrderId": client_id})
    ok("limit order rests", order["status"] == "open" and order["clientOrderId"] == client_id, order)
    lower = float(exchange.price_to_precision(symbol, price * 0.98))
    edited = exchange.edit_order(order["id"], symbol, "limit", "buy", amount * 2, lower)
    ok("amended", edited["price"] == lower and edited["amount"] == amount * 2, edited)
    if settle is not None:
        ok("amending keeps the id", edited["id"] == order["id"], edited)
    got = exchange.fetch_order(edited["id"], symbol)
    ok("fetch_order", (got["price"], got["amount"], got["status"]) == (lower, amount * 2, "open"), got)
    open_ids = [o["id"] for o in exchange.fetch_open_orders(symbol)]
    ok("fetch_open_orders", edited["id"] in open_ids, open_ids)
    all_ids = [o["id"] for o in exchange.fetch_orders(symbol)]
    ok("fetch_orders", edited["id"] in all_ids, all_ids)
    cancelled = exchange.cancel_order(edited["id"], symbol)
    ok("cancel", cancelled["status"] == "canceled", cancelled)
    ok("cancelled is found", exchange.fetch_order(edited["id"], symbol)["status"] == "canceled")
    gone = refused(ccxt.OrderNotFound, lambda: exchange.cancel_order(edited["id"], symbol))
    ok("cancelling twice is refused", gone and "Unknown order sent." in gone, gone)

    before = exchange.fetch_balance(of_market)
    bought = exchange.create_order(symbol, "market", "buy", amount)
    ok("market order fills", bought["status"] == "closed" and bought["filled"] == amount, bought)
    fills = [t for t in exchange.fetch_my_trades(symbol) if t["order"] == bought["id"]]
    ok("fetch_my_trades", sum(Decimal(str(t["amount"])) for t in fills) == Decimal(str(amount)), fills)
    higher = float(exchange.price_to_precision(symbol, ticker["last"] * 1.02))
    maker = refused(
        ccxt.BaseError,
        lambda: exchange.create_order(symbol, "limit", "buy", amount, higher, {"postOnly": True}),
    )
    ok("post-only is refused rather than take", maker is not None, maker)
    if settle is None:
        ok("balance grew", exchange.fetch_balance()["BTC"]["total"] > before["BTC"]["total"])
        return

    fees = [t["fee"] for t in fills]
    ok("fees are paid in the margin asset", all(f["currency"] == settle and f["cost"] > 0 for f in fees), fees)
    position = next(p for p in exchange.fetch_positions([symbol]) if p["contracts"])
    ok("position", position["side"] == "long" and position["contracts"] == amount, position)
    entry, average = position["entryPrice"], bought["average"]
    ok("entry price is the average price", abs(entry / average - 1) < 1e-6, (entry, average))
    balance = exchange.fetch_balance(of_market)
    ok("margin is used", balance[settle]["used"] > before[settle]["used"], balance[settle])
    if market["linear"]:
        trigger = float(exchange.price_to_precision(symbol, ticker["last"] * 0.9))
        options = {"stopLossPrice": trigger, "reduceOnly": True}
        stop = exchange.create_order(symbol, "market", "sell", amount, None, options)
        waiting = exchange.fetch_open_orders(symbol, params={"trigger": True})
        ok("a stop order waits", stop["id"] in [o["id"] for o in waiting], waiting)
        exchange.cancel_order(stop["id"], symbol, {"trigger": True})
    # ccxt knows this code as InsufficientFunds on perpetual contracts only.
    poor = refused(ccxt.BaseError, lambda: exchange.create_order(symbol, "limit", "buy", too_much, price))
    ok("insufficient margin", poor and "Margin is insufficient." in poor, poor)
    closed = exchange.create_order(symbol, "market", "sell", amount, None, {"reduceOnly": True})
    ok("reduce-only closes", closed["filled"] == amount and closed["reduceOnly"], closed)
    ok("flat", not [p for p in exchange.fetch_positions([symbol]) if p["contracts"]])
    nothing = refused(
        ccxt.BaseError,
        lambda: exchange.create_order(symbol, "market", "sell", amount, None, {"reduceOnly": True}),
    )
    ok("reduce-only without a position is refused", nothing and "ReduceOnly Order is rejected." in nothing, nothing)


def run(url):
    exchange = client(url)
    exchange.load_markets()
    for product in PRODUCTS:
        drive(exchange, *product)
    print("all checks passed")


def main():
    if len(sys.argv) > 1:
        return run(sys.argv[1])
    workspace = pathlib.Path(__file__).resolve().parents[3]
    command = ["cargo", "run", "-q", "-p", "switchyard-venue-sim", "--"]
    command += ["--listen", "127.0.0.1:0", "--announce", "--exit-with-stdin", "--seed", "7"]
    with subprocess.Popen(command, cwd=workspace, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as sim:
        try:
            announced = json.loads(sim.stdout.readline())
            run(announced["venues"][0]["endpoints"]["usdm"])
        finally:
            sim.stdin.close()


if __name__ == "__main__":
    main()

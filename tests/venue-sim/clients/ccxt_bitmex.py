"""Trades every kind of BitMEX product on the simulator with ccxt (the last version with BitMEX that installs from
PyPI is 4.5.66), and exits with 1 on the first wrong answer.

    python tests/venue-sim/clients/ccxt_bitmex.py [PROGRAM]

PROGRAM is the simulator; without it, `cargo run` builds and starts it."""

import json
import subprocess
import sys
import time
import urllib.request

import ccxt

FAILURES = []


def check(what, holds, seen=None):
    print(("ok   " if holds else "FAIL ") + what + ("" if holds else f": {seen!r}"), flush=True)
    if not holds:
        FAILURES.append(what)


def start():
    program = sys.argv[1:] or ["cargo", "run", "-q", "-p", "switchyard-venue-sim", "--"]
    flags = ["--listen", "127.0.0.1:0", "--bitmex", "127.0.0.1:0", "--seed", "7", "--market-interval-ms", "0"]
    process = subprocess.Popen(
        program + flags + ["--announce", "--exit-with-stdin"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )
    announced = json.loads(process.stdout.readline())
    return process, next(venue for venue in announced["venues"] if venue["name"] == "bitmex")


def control(venue, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(venue["control"] + path, data=data)
    return json.load(urllib.request.urlopen(request))


def client(venue):
    exchange = ccxt.bitmex({
        "apiKey": venue["credentials"]["api_key"],
        "secret": venue["credentials"]["secret"],
        "enableRateLimit": False,
    })
    rest = venue["endpoints"]["rest"]
    exchange.urls["api"] = {"public": rest, "private": rest}
    return exchange


# symbol, id, amount, price far below the market
PRODUCTS = [
    ("BTC/USD:BTC", "XBTUSD", 1000, 50_000),
    ("BTC/USD:BTC-261225", "XBTZ26", 1000, 50_000),
    ("ETH/USD:BTC", "ETHUSD", 100, 2_500),
    ("ETH/USD:BTC-261225", "ETHUSDZ26", 100, 2_500),
    ("SOL/USD:BTC", "SOLUSD", 10, 120),
    ("BTC/USDT:USDT", "XBTUSDT", 10_000, 50_000),
    ("BTC/USDT:USDT-261225", "XBTUSDTZ26", 10_000, 50_000),
    ("ETH/USDT:USDT", "ETHUSDT", 10_000, 2_500),
    ("SOL/USDT:USDT", "SOLUSDT", 10_000, 120),
    ("BTC/USDT", "XBT_USDT", 0.01, 50_000),
    ("ETH/USDT", "ETH_USDT", 0.1, 2_500),
    ("SOL/USDT", "SOL_USDT", 1, 120),
]


def trade(exchange, symbol, venue_id, amount, price):
    market = exchange.market(symbol)
    check(f"{symbol} is {venue_id}", market["id"] == venue_id and market["active"], market["id"])
    book = exchange.fetch_order_book(symbol)
    check(f"{symbol} book is not crossed", book["bids"][0][0] < book["asks"][0][0], book["bids"][:1])
    check(f"{symbol} ticker", exchange.fetch_ticker(symbol)["last"] > price)
    check(f"{symbol} trades", len(exchange.fetch_trades(symbol, limit=5)) == 5)
    candles = exchange.fetch_ohlcv(symbol, "1h", limit=3)
    check(f"{symbol} candles", len(candles) == 3 and candles[0][0] < candles[1][0], candles)

    client_id = f"ccxt-{venue_id}"
    placed = exchange.create_order(symbol, "limit", "buy", amount, price, {"clOrdID": client_id})
    check(f"{symbol} rests", placed["status"] == "open" and placed["clientOrderId"] == client_id, placed["info"])
    edited = exchange.edit_order(placed["id"], symbol, "limit", "buy", amount * 2, price + 10)
    raw = edited["info"]
    check(f"{symbol} is edited", edited["id"] == placed["id"] and edited["price"] == price + 10, raw)
    check(f"{symbol} new total", int(raw["orderQty"]) == 2 * int(placed["info"]["orderQty"]), raw)
    fetched = exchange.fetch_order(placed["id"], symbol)
    check(f"{symbol} is fetched", fetched["status"] == "open" and fetched["price"] == price + 10, fetched["info"])
    open_ids = [order["id"] for order in exchange.fetch_open_orders(symbol)]
    check(f"{symbol} is listed as open", open_ids == [placed["id"]], open_ids)
    cancelled = exchange.cancel_order(placed["id"], symbol)
    check(f"{symbol} is cancelled", cancelled["status"] == "canceled", cancelled["info"])
    try:
        exchange.cancel_order(placed["id"], symbol)
        check(f"{symbol} is not cancelled twice", False)
    except ccxt.OrderNotFound:
        check(f"{symbol} is not cancelled twice", True)

    params = {"execInst": "ParticipateDoNotInitiate"}
    maker = exchange.create_order(symbol, "limit", "buy", amount, book["asks"][-1][0], params)
    check(f"{symbol} post-only does not take", maker["status"] == "canceled" and "ParticipateDoNotInitiate"
          in maker["info"]["text"], maker["info"])

    bought = exchange.create_order(symbol, "market", "buy", amount)
    check(f"{symbol} market order fills", bought["status"] == "closed", bought["info"])
    mine = [t for t in exchange.fetch_my_trades(symbol) if t["order"] == bought["id"]]
    check(f"{symbol} fill is listed", mine and abs(sum(t["amount"] for t in mine) - amount) < 1e-9, mine)
    average = float(bought["info"]["avgPx"])
    check(f"{symbol} average price", book["bids"][0][0] < average < book["asks"][-1][0], average)
    if market["contract"]:
        held = [p for p in exchange.fetch_positions([symbol]) if p["contracts"]]
        right = len(held) == 1 and held[0]["side"] == "long" and held[0]["contracts"] == amount
        check(f"{symbol} position", right, held)
        check(f"{symbol} entry price", abs(held[0]["entryPrice"] / average - 1) < 1e-3, held[0]["entryPrice"])
        sold = exchange.create_order(symbol, "market", "sell", amount * 2, None, {"execInst": "ReduceOnly"})
        check(f"{symbol} reduce-only closes and no more", sold["status"] == "closed", sold["info"])
        held = [p for p in exchange.fetch_positions([symbol]) if p["contracts"]]
        check(f"{symbol} position is gone", held == [], held)


def main():
    process, venue = start()
    try:
        control(venue, "/settings", {"bitmex_limits": {"requests_1m": 100_000, "orders_1s": 1_000}})
        exchange = client(venue)
        markets = exchange.load_markets()
        check("settled and unlisted contracts are not active", not any(
            market["id"] in ("XBTU26", "NEWUSDT") for market in markets.values()))
        with urllib.request.urlopen(venue["endpoints"]["rest"] + "/api/v1/") as info:
            check("server time", abs(json.load(info)["timestamp"] - time.time() * 1000) < 5_000)
        check("inverse, quanto and linear are told apart", (
            markets["BTC/USD:BTC"]["inverse"], markets["ETH/USD:BTC"]["quanto"],
            markets["BTC/USDT:USDT"]["linear"]) == (True, True, True))
        before = exchange.fetch_balance()
        check("balance", (before["BTC"]["total"], before["USDT"]["total"]) == (10, 1_000_000), before["total"])
        for product in PRODUCTS:
            trade(exchange, *product)
        after = exchange.fetch_balance()
        check("trading cost something", after["USDT"]["total"] < 1_000_000, after["total"])
        executed = control(venue, "/executed")["orders"]
        fetched = {order["id"] for order in exchange.fetch_orders(limit=500)}
        check("every order is the venue's", {order["venue_order_id"] for order in executed} == fetched)
        exchange.set_leverage(5, "BTC/USD:BTC")
        for error, amount, price in [
            (ccxt.BadRequest, 150, 50_000), (ccxt.BadRequest, 100, 50_000.03),
            (ccxt.InsufficientFunds, 10_000_000, 50_000),
        ]:
            try:
                # Past ccxt's own rounding.
                exchange.private_post_order({"symbol": "XBTUSD", "orderQty": amount, "price": price})
                check(f"{amount} at {price} is refused", False)
            except error as refused:
                check(f"{amount} at {price} is refused: {refused}", True)
        wrong = client(venue)
        wrong.secret = "wrong"
        try:
            wrong.fetch_balance()
            check("a wrong signature is refused", False)
        except ccxt.AuthenticationError:
            check("a wrong signature is refused", True)
        wrong.secret = exchange.secret
        exchange.create_order("BTC/USD:BTC", "limit", "buy", 100, 50_000)
        cancelled = exchange.cancel_all_orders("BTC/USD:BTC")
        check("all are cancelled", [order["status"] for order in cancelled] == ["canceled"], cancelled)
    finally:
        process.stdin.close()
        process.wait(timeout=10)
    print(f"{len(FAILURES)} wrong answers", flush=True)
    sys.exit(1 if FAILURES else 0)


main()

#!/usr/bin/env python3
"""Drives the simulated exchanges with ccxt, as any user of that library would: one function trades every product of
Binance and of BitMEX, then each exchange is asked what it alone answers.

    pip install ccxt==4.5.66        # the last version with BitMEX that installs from PyPI
    python tests/venue-sim/clients/ccxt_lifecycle.py [PROGRAM]

PROGRAM is the simulator; without it, `cargo run` builds and starts it. Ends with the number of checks and of wrong
answers, and exits with 1 if there are any."""

import json
import pathlib
import subprocess
import sys
import time
import urllib.request
from decimal import Decimal

import ccxt

CHECKS = {}
WRONG = []

# Exchange, product, unified symbol, an amount, one beyond the account, and the asset that is risked.
TABLE = [
    ("binance", "spot", "BTC/USDT", 0.01, 100, "BTC"),
    ("binance", "spot", "ETH/USDT", 0.5, 2_000, "ETH"),
    ("binance", "spot", "SOL/USDT", 5, 40_000, "SOL"),
    ("binance", "USD-M perpetual", "BTC/USDT:USDT", 0.01, 999, "USDT"),
    ("binance", "USD-M perpetual", "ETH/USDC:USDC", 0.5, 9_999, "USDC"),
    ("binance", "USD-M delivery", "BTC/USDT:USDT-261225", 0.01, 999, "USDT"),
    ("binance", "COIN-M perpetual", "BTC/USD:BTC", 5, 999_999, "BTC"),
    ("binance", "COIN-M perpetual", "SOL/USD:SOL", 5, 999_999, "SOL"),
    ("binance", "COIN-M delivery", "ETH/USD:ETH-261225", 20, 999_999, "ETH"),
    ("bitmex", "spot", "BTC/USDT", 0.01, 100, "BTC"),
    ("bitmex", "spot", "ETH/USDT", 0.1, 9_999, "ETH"),
    ("bitmex", "spot", "SOL/USDT", 1, 9_999, "SOL"),
    ("bitmex", "linear perpetual", "BTC/USDT:USDT", 10_000, 9_999_999_000, "USDT"),
    ("bitmex", "linear perpetual", "ETH/USDT:USDT", 10_000, 9_999_999_000, "USDT"),
    ("bitmex", "linear perpetual", "SOL/USDT:USDT", 10_000, 9_999_999_000, "USDT"),
    ("bitmex", "linear perpetual", "BTC/USDC:USDC", 10_000, 9_999_999_000, "USDC"),
    ("bitmex", "linear delivery", "BTC/USDT:USDT-261225", 10_000, 9_999_999_000, "USDT"),
    ("bitmex", "linear delivery", "ETH/USDT:USDT-261225", 10_000, 9_999_999_000, "USDT"),
    ("bitmex", "linear delivery", "SOL/USDT:USDT-261225", 10_000, 9_999_999_000, "USDT"),
    ("bitmex", "inverse perpetual", "BTC/USD:BTC", 1_000, 1_000_000_000, "BTC"),
    ("bitmex", "inverse delivery", "BTC/USD:BTC-261225", 1_000, 1_000_000_000, "BTC"),
    ("bitmex", "quanto perpetual", "ETH/USD:BTC", 100, 1_000_000_000, "BTC"),
    ("bitmex", "quanto perpetual", "SOL/USD:BTC", 10, 1_000_000_000, "BTC"),
    ("bitmex", "quanto delivery", "ETH/USD:BTC-261225", 100, 1_000_000_000, "BTC"),
    ("bitmex", "quanto delivery", "SOL/USD:BTC-261225", 10, 1_000_000_000, "BTC"),
]


def checker(group, about):
    def check(what, holds, seen=None):
        CHECKS[group] = CHECKS.get(group, 0) + 1
        if not holds:
            WRONG.append(f"{group}, {about}: {what}: {seen!r}")
            print(f"WRONG {WRONG[-1]}", flush=True)

    return check


def refused(kind, call):
    """The text of the refusal; what is no refusal of this kind is `None`."""
    try:
        call()
    except kind as error:
        return str(error) or repr(error)
    return None


def start():
    workspace = pathlib.Path(__file__).resolve().parents[3]
    program = sys.argv[1:] or ["cargo", "run", "-q", "-p", "switchyard-venue-sim", "--"]
    flags = ["--listen", "127.0.0.1:0", "--bitmex", "127.0.0.1:0", "--seed", "7", "--market-interval-ms", "0"]
    process = subprocess.Popen(
        program + flags + ["--announce", "--exit-with-stdin"], cwd=None if sys.argv[1:] else workspace,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )
    announced = json.loads(process.stdout.readline())
    return process, {venue["name"]: venue for venue in announced["venues"]}


def post(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    return json.load(urllib.request.urlopen(urllib.request.Request(url, data=data)))


def signed_in(kind, venue, **options):
    credentials = venue["credentials"]
    return kind({"apiKey": credentials["api_key"], "secret": credentials["secret"],
                 "enableRateLimit": False, "options": options})


def binance(venue):
    types = ["spot", "linear", "inverse"]
    exchange = signed_in(ccxt.binance, venue, fetchMarkets={"types": types}, fetchCurrencies=False, fetchMargins=False)
    ends, api = venue["endpoints"], exchange.urls["api"]
    api["public"] = api["private"] = ends["spot"] + "/api/v3"
    api["v1"] = ends["spot"] + "/api/v1"
    for name, alias in (("fapi", "usdm"), ("dapi", "coinm")):
        for kind in ("Public", "Private"):
            api[name + kind] = f"{ends[alias]}/{name}/v1"
            for version in ("V2", "V3"):
                if name + kind + version in api:
                    api[name + kind + version] = f"{ends[alias]}/{name}/{version.lower()}"
    return exchange


def bitmex(venue):
    exchange = signed_in(ccxt.bitmex, venue)
    rest = venue["endpoints"]["rest"]
    exchange.urls["api"] = {"public": rest, "private": rest}
    return exchange


def total(exchange, order):
    """The amount of an order; ccxt leaves that of inverse contracts on BitMEX out."""
    if exchange.id == "bitmex":
        return exchange.convert_from_raw_quantity(order["symbol"], str(order["info"]["orderQty"]))
    return order["amount"]


def traded(trades):
    return sum(Decimal(str(trade["amount"])) for trade in trades)


def paid(exchange, trade):
    """The fee of a spot trade; on BitMEX ccxt scales it as the quote asset, whatever asset it says it is in."""
    fee = trade["fee"]
    if exchange.id == "bitmex":
        return Decimal(exchange.convert_to_real_amount(fee["currency"], str(trade["info"]["execComm"])))
    return Decimal(str(fee["cost"]))


def lifecycle(exchange, check, symbol, amount, too_much, asset):
    market = exchange.market(symbol)
    wallet = {}
    if exchange.id == "binance" and market["contract"]:
        wallet = {"type": market["type"], "subType": "linear" if market["linear"] else "inverse"}
        # As an option, because as a parameter ccxt passes it on to endpoints that do not know it.
        exchange.options["defaultSubType"] = wallet["subType"]

    check("is listed and active", market["active"], market)
    check("settles in", not market["contract"] or market["settle"] == asset, market["settle"])
    book = exchange.fetch_order_book(symbol, 10)
    bid, ask = book["bids"][0][0], book["asks"][0][0]
    check("book has both sides and is not crossed", bid < ask, book)
    ticker = exchange.fetch_ticker(symbol)
    check("ticker", 0.9 < ticker["last"] / ask < 1.1, ticker)
    check("public trades", len(exchange.fetch_trades(symbol, limit=5)) == 5)
    candles = exchange.fetch_ohlcv(symbol, "1h", limit=3)
    check("candles", len(candles) == 3 and candles[0][0] < candles[1][0], candles)

    price, lower = (float(exchange.price_to_precision(symbol, bid * factor)) for factor in (0.97, 0.96))
    client_id = f"check{time.time_ns()}"
    placed = exchange.create_order(symbol, "limit", "buy", amount, price, {"clientOrderId": client_id})
    check("a limit order rests", placed["status"] == "open" and placed["clientOrderId"] == client_id, placed)
    check("with its amount and price", (total(exchange, placed), placed["price"]) == (amount, price), placed)
    got = exchange.fetch_order(placed["id"], symbol)
    check("is read by id", (got["id"], got["status"], got["price"]) == (placed["id"], "open", price), got)
    listed = [order["id"] for order in exchange.fetch_open_orders(symbol)]
    check("is listed as open", listed == [placed["id"]], listed)
    edited = exchange.edit_order(placed["id"], symbol, "limit", "buy", amount * 2, lower)
    check("is amended", (total(exchange, edited), edited["price"]) == (amount * 2, lower), edited)
    replaced = exchange.id == "binance" and not market["contract"]
    check("keeps its id unless it is replaced", (edited["id"] != placed["id"]) == replaced, edited)
    got = exchange.fetch_order(edited["id"], symbol)
    check("is read as amended", (total(exchange, got), got["price"], got["status"]) == (amount * 2, lower, "open"), got)
    cancelled = exchange.cancel_order(edited["id"], symbol)
    check("is cancelled", cancelled["status"] == "canceled", cancelled)
    check("is read as cancelled", exchange.fetch_order(edited["id"], symbol)["status"] == "canceled")
    check("is no longer open", exchange.fetch_open_orders(symbol) == [])
    check("is not cancelled twice", refused(ccxt.OrderNotFound, lambda: exchange.cancel_order(edited["id"], symbol)))

    higher = float(exchange.price_to_precision(symbol, ask * 1.02))

    def cross():
        order = exchange.create_order(symbol, "limit", "buy", amount, higher, {"postOnly": True})
        if order["status"] == "canceled" and not order["filled"]:
            raise ccxt.OrderImmediatelyFillable("accepted, and cancelled at once")

    check("post-only does not take", refused(ccxt.BaseError, cross))
    poor = refused(ccxt.BaseError, lambda: exchange.create_order(symbol, "limit", "buy", too_much, price))
    check("what the account cannot pay is refused", poor and "insufficient" in poor.lower(), poor)

    before = exchange.fetch_balance(wallet)[asset]
    bought = exchange.create_order(symbol, "market", "buy", amount)
    check("a market order fills", bought["status"] == "closed" and total(exchange, bought) == amount, bought)
    check("at a price in the book", bid < bought["average"] <= book["asks"][-1][0], bought)
    closed = [order["id"] for order in exchange.fetch_closed_orders(symbol)]
    check("is listed as closed", bought["id"] in closed, closed)
    mine = [trade for trade in exchange.fetch_my_trades(symbol) if trade["order"] == bought["id"]]
    check("its trades add up", traded(mine) == Decimal(str(amount)), mine)
    fees = [trade["fee"] for trade in mine]
    check("its fees are in the asset", all(fee["currency"] == asset and fee["cost"] > 0 for fee in fees), fees)
    after = exchange.fetch_balance(wallet)[asset]
    if not market["contract"]:
        received = Decimal(str(after["total"])) - Decimal(str(before["total"]))
        kept = Decimal(str(amount)) - sum(paid(exchange, trade) for trade in mine)
        check("the balance grew by exactly what was bought", received == kept, (received, kept))
        sold = exchange.create_order(symbol, "market", "sell", amount)
        check("it is sold again", sold["status"] == "closed", sold)
        return
    check("margin is tied up", after["free"] < before["free"], (before, after))

    held = [position for position in exchange.fetch_positions([symbol]) if position["contracts"]]
    right = len(held) == 1 and held[0]["side"] == "long" and held[0]["contracts"] == amount
    check("there is a position", right, held)
    check("its entry is the average price", abs(held[0]["entryPrice"] / bought["average"] - 1) < 1e-5, held)
    # BitMEX takes a reduce-only order that is too large and cuts it.
    excess = 2 if exchange.id == "bitmex" else 1
    sold = exchange.create_order(symbol, "market", "sell", amount * excess, None, {"reduceOnly": True})
    check("reduce-only closes it", sold["status"] == "closed", sold)
    held = [position for position in exchange.fetch_positions([symbol]) if position["contracts"]]
    check("the position is gone", held == [], held)


def binance_alone(exchange, venue, check):
    exchange.options.pop("defaultSubType", None)
    markets = exchange.markets
    check("a halted market is inactive", markets["LUNA/USDT"]["active"] is False, markets["LUNA/USDT"])
    check("server time is near", abs(exchange.fetch_time() - time.time() * 1000) < 2_000)
    tickers = exchange.fetch_tickers()
    check("all tickers", len(tickers) >= 10, list(tickers))
    before = exchange.fetch_balance({"type": "spot"})["USDT"]
    price = float(exchange.price_to_precision("BTC/USDT", exchange.fetch_ticker("BTC/USDT")["last"] * 0.9))

    def place():
        params = {"clientOrderId": "binance-alone"}
        return exchange.create_order("BTC/USDT", "limit", "buy", 0.001, price, params)

    order = place()
    locked = Decimal(str(exchange.fetch_balance({"type": "spot"})["USDT"]["used"])) - Decimal(str(before["used"]))
    check("its cost is locked", locked == Decimal(str(price)) * Decimal("0.001"), locked)
    got = exchange.fetch_order(None, "BTC/USDT", {"origClientOrderId": "binance-alone"})
    check("read by client id", got["id"] == order["id"], got)
    duplicate = refused(ccxt.InvalidOrder, place)
    check("a client id is not taken twice", duplicate and "Duplicate order sent." in duplicate, duplicate)
    exchange.cancel_order(order["id"], "BTC/USDT")
    spent = exchange.create_market_buy_order_with_cost("ETH/USDT", 100)
    check("market order by cost", spent["status"] == "closed" and 0 < spent["cost"] <= 100, spent)
    small = refused(ccxt.BaseError, lambda: exchange.create_order("BTC/USDT", "limit", "buy", 0.00001, price))
    check("too small", small and "NOTIONAL" in small, small)
    for symbol, amount in (("BTC/USDT:USDT", 0.01), ("BTC/USD:BTC", 5)):
        reduce = {"reduceOnly": True}
        nothing = refused(ccxt.BaseError, lambda: exchange.create_order(symbol, "market", "sell", amount, None, reduce))
        check(f"{symbol}: nothing to reduce", nothing and "ReduceOnly Order is rejected." in nothing, nothing)
    trigger = float(exchange.price_to_precision("BTC/USDT:USDT", price))
    params = {"stopLossPrice": trigger, "reduceOnly": True}
    exchange.options["defaultSubType"] = "linear"
    exchange.create_order("BTC/USDT:USDT", "market", "buy", 0.01)
    stop = exchange.create_order("BTC/USDT:USDT", "market", "sell", 0.01, None, params)
    waiting = [found["id"] for found in exchange.fetch_open_orders("BTC/USDT:USDT", params={"trigger": True})]
    check("a stop order waits", waiting == [stop["id"]], waiting)
    exchange.cancel_order(stop["id"], "BTC/USDT:USDT", {"trigger": True})
    left = exchange.fetch_open_orders("BTC/USDT:USDT", params={"trigger": True})
    check("a stop order is cancelled", left == [], left)
    exchange.create_order("BTC/USDT:USDT", "market", "sell", 0.01, None, {"reduceOnly": True})
    wrong = binance(venue)
    wrong.secret = "not the secret"
    unsigned = refused(ccxt.AuthenticationError, wrong.fetch_balance)
    check("a wrong signature is refused", unsigned and "Signature for this request is not valid." in unsigned, unsigned)
    skewed = binance(venue)
    skewed.nonce = lambda: exchange.milliseconds() - 60_000
    late = refused(ccxt.InvalidNonce, skewed.fetch_balance)
    check("an old timestamp is refused", late and "outside of the recvWindow" in late, late)


def bitmex_alone(exchange, venue, check):
    markets = exchange.markets
    listed = {market["id"] for market in markets.values() if market["active"]}
    check("settled and unlisted contracts are not active", not {"XBTU26", "NEWUSDT"} & listed, listed)
    kinds = (markets["BTC/USD:BTC"]["inverse"], markets["ETH/USD:BTC"]["quanto"], markets["BTC/USDT:USDT"]["linear"])
    check("inverse, quanto and linear are told apart", kinds == (True, True, True), kinds)
    now = post(venue["endpoints"]["rest"] + "/api/v1/")["timestamp"]
    check("server time is near", abs(now - time.time() * 1000) < 2_000, now)
    row = next(row for row in exchange.private_get_position() if row["symbol"] == "XBTUSD")
    moved = int(row["realisedPnl"]) + int(row["rebalancedPnl"])
    check("a closed position has transferred its profit", moved == 0 != int(row["realisedPnl"]), row)
    margin = exchange.private_get_user_margin({"currency": "XBt"})
    parts = int(margin["amount"]) + int(margin["realisedPnl"])
    check("the profit of the day is in the wallet balance", parts == int(margin["walletBalance"]), margin)
    executed = {order["venue_order_id"] for order in post(venue["control"] + "/executed")["orders"]}
    fetched = {order["id"] for order in exchange.fetch_orders(limit=500)}
    check("every order is the venue's", executed == fetched, executed ^ fetched)
    set_to = exchange.set_leverage(5, "BTC/USD:BTC")
    check("leverage is set", (float(set_to["leverage"]), set_to["crossMargin"]) == (5, False), set_to)
    for kind, amount, price in [(ccxt.BadRequest, 150, 50_000), (ccxt.BadRequest, 100, 50_000.03),
                                (ccxt.InsufficientFunds, 10_000_000, 50_000)]:
        # Past ccxt's own rounding.
        order = {"symbol": "XBTUSD", "orderQty": amount, "price": price}
        text = refused(kind, lambda: exchange.private_post_order(order))
        check(f"{amount} at {price} is refused as {kind.__name__}", text, text)
    wrong = bitmex(venue)
    wrong.secret = "not the secret"
    unsigned = refused(ccxt.AuthenticationError, wrong.fetch_balance)
    check("a wrong signature is refused", unsigned and "Signature not valid." in unsigned, unsigned)
    exchange.create_order("BTC/USD:BTC", "limit", "buy", 100, 50_000, {"clientOrderId": "bitmex-alone"})
    again = refused(ccxt.InvalidOrder, lambda: exchange.create_order(
        "ETH/USD:BTC", "limit", "buy", 100, 2_000, {"clientOrderId": "bitmex-alone"}))
    check("a client id is not taken twice, whatever the instrument", again and "Duplicate clOrdID" in again, again)
    cancelled = exchange.cancel_all_orders("BTC/USD:BTC")
    check("all are cancelled", [order["status"] for order in cancelled] == ["canceled"], cancelled)


def attempt(check, work, *arguments):
    try:
        work(*arguments)
    except Exception as error:  # What ends a run early is a wrong answer too, and the next run goes on.
        check(f"ended early with {type(error).__name__}", False, str(error))


def main():
    process, venues = start()
    try:
        limits = {"bitmex_limits": {"requests_1m": 100_000, "public_requests_1m": 100_000, "orders_1s": 1_000}}
        post(venues["bitmex"]["control"] + "/settings", limits)
        exchanges = {"binance": binance(venues["binance"]), "bitmex": bitmex(venues["bitmex"])}
        for exchange in exchanges.values():
            exchange.load_markets()
        for name, product, symbol, *rest in TABLE:
            check = checker(f"{name} {product}", symbol)
            attempt(check, lifecycle, exchanges[name], check, symbol, *rest)
        for name, alone in (("binance", binance_alone), ("bitmex", bitmex_alone)):
            check = checker(f"{name} alone", "ccxt")
            attempt(check, alone, exchanges[name], venues[name], check)
    finally:
        process.stdin.close()
        process.wait(timeout=10)
    for group, count in CHECKS.items():
        print(f"{count:4} checks of {group}")
    print(f"ccxt {ccxt.__version__}: {sum(CHECKS.values())} checks, {len(WRONG)} wrong answers", flush=True)
    sys.exit(1 if WRONG else 0)


if __name__ == "__main__":
    main()

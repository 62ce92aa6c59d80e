"""Balances (https://docs.kraken.com/api-reference/account-data/get-extended-balance)."""

from typing import Any

from wit_world.exports import account
from wit_world.exports.account import Balance
from wit_world.imports.types import Context, HttpResponse

from kraken import exact, names
from kraken.exact import Malformed
from kraken.failures import malformed, result, unsupported
from kraken.requests import ask


def _balance(asset: str, held: Any) -> Balance:
    held = exact.table(held, "a balance")
    total = exact.number(held.get("balance"), "balance")
    locked = exact.number(held.get("hold_trade"), "hold_trade")
    free = exact.WIDE.subtract(total, locked)
    return Balance(names.of_id(asset), exact.plain(free), exact.plain(locked), exact.plain(total))


class Account:
    """The interface `account`."""

    def encode_list_balances(self, context: Context, state: bytes | None):
        return ask(context, "BalanceEx")

    def decode_list_balances(self, context: Context, state: bytes | None, responses: list[HttpResponse]):
        try:
            assets = exact.table(result(context, responses, False), "result")
            return account.BalancesStep_Done([_balance(asset, held) for asset, held in assets.items()])
        except Malformed as problem:
            raise malformed(problem, False) from None

    def encode_list_positions(self, context: Context, state: bytes | None):
        unsupported("positions on spot")

    def decode_list_positions(self, context: Context, state: bytes | None, responses: list[HttpResponse]):
        unsupported("positions on spot")

// Balances (https://docs.deribit.com/api-reference/account-management/private-get_account_summaries).

import * as exact from "./exact.js";
import { only, reading, resultOf, unsupported } from "./failures.js";
import { ask } from "./requests.js";

function balanceOf(value) {
  const row = exact.object(value, "a summary");
  // "The account's balance", without what positions have gained or lost since they were settled; `available_funds`
  // has that in it, so that it is not what the contract calls free.
  const total = exact.decimal(row.balance, "balance");
  const locked = exact.size(row.initial_margin, "initial_margin");
  return { asset: exact.text(row.currency, "currency"), free: exact.minus(total, locked), locked, total };
}

const positions = () => {
  throw unsupported("positions");
};

export const account = {
  encodeListBalances: (context) => ask(context, "private/get_account_summaries"),
  decodeListBalances: (context, state, responses) =>
    reading(false, () => {
      const result = exact.object(resultOf(context, only(responses), false), "result");
      return { tag: "done", val: exact.list(result.summaries, "summaries").map(balanceOf) };
    }),

  encodeListPositions: positions,
  decodeListPositions: positions,
};

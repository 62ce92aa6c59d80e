// The Deribit adapter: what the component exports. One object for each interface of the contract.

import { DESCRIPTOR } from "./describe.js";

export { account } from "./account.js";
export { market } from "./market.js";
export { trading } from "./orders.js";

export const descriptor = { describe: () => DESCRIPTOR };

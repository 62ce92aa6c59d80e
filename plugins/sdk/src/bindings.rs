//! The contract in Rust, generated from `wit/`: one set of types, and one world per capability so that
//! a component exports exactly what its venue can do.
//!
//! Each world's export macro carries its own description of the world, and the component encoder
//! merges those that are linked. Every world shares the types of [`imports`].

/// Types shared by all capabilities, and the functions that the host offers.
pub mod imports {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package switchyard:sdk-imports;
            world imports {
                import switchyard:adapter/types@1.0.0;
                import switchyard:adapter/signer@1.0.0;
                import switchyard:adapter/catalogue@1.0.0;
                import switchyard:adapter/log@1.0.0;
            }
        ",
        world: "switchyard:sdk-imports/imports",
        generate_all,
        additional_derives: [PartialEq, Eq],
    });
}

/// The capability every adapter has.
pub mod descriptor {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package switchyard:sdk-descriptor;
            world descriptor-capability { export switchyard:adapter/descriptor@1.0.0; }
        ",
        world: "switchyard:sdk-descriptor/descriptor-capability",
        with: {
            "switchyard:adapter/types@1.0.0": crate::bindings::imports::switchyard::adapter::types,
            "switchyard:adapter/descriptor@1.0.0": generate,
        },
        pub_export_macro: true,
        export_macro_name: "export_descriptor",
        default_bindings_module: "switchyard_sdk::bindings::descriptor",
        additional_derives: [PartialEq, Eq],
    });
}

/// Prices, instruments and time.
pub mod market {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package switchyard:sdk-market;
            world market-capability { export switchyard:adapter/market@1.0.0; }
        ",
        world: "switchyard:sdk-market/market-capability",
        with: {
            "switchyard:adapter/types@1.0.0": crate::bindings::imports::switchyard::adapter::types,
            "switchyard:adapter/market@1.0.0": generate,
        },
        pub_export_macro: true,
        export_macro_name: "export_market",
        default_bindings_module: "switchyard_sdk::bindings::market",
        additional_derives: [PartialEq, Eq],
    });
}

/// Orders and fills.
pub mod trading {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package switchyard:sdk-trading;
            world trading-capability { export switchyard:adapter/trading@1.0.0; }
        ",
        world: "switchyard:sdk-trading/trading-capability",
        with: {
            "switchyard:adapter/types@1.0.0": crate::bindings::imports::switchyard::adapter::types,
            "switchyard:adapter/trading@1.0.0": generate,
        },
        pub_export_macro: true,
        export_macro_name: "export_trading",
        default_bindings_module: "switchyard_sdk::bindings::trading",
        additional_derives: [PartialEq, Eq],
    });
}

/// Balances and positions.
pub mod account {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package switchyard:sdk-account;
            world account-capability { export switchyard:adapter/account@1.0.0; }
        ",
        world: "switchyard:sdk-account/account-capability",
        with: {
            "switchyard:adapter/types@1.0.0": crate::bindings::imports::switchyard::adapter::types,
            "switchyard:adapter/account@1.0.0": generate,
        },
        pub_export_macro: true,
        export_macro_name: "export_account",
        default_bindings_module: "switchyard_sdk::bindings::account",
        additional_derives: [PartialEq, Eq],
    });
}

//! The journal keeps what it was given, in order, across restarts, gives it back by every filter, and
//! notices when it was tampered with.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod access;
mod exporting;
mod files;
mod keys;
mod moved;
mod orders;
mod proxy;
mod servers;
mod suite;
mod upkeep;

/// Runs the suite on every kind of store; each test gets a home of its own.
macro_rules! on_every_store {
    ($($behaviour:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $behaviour() {
                    crate::suite::$behaviour(&crate::files::Directory::new()).await;
                }
            )*
        }

        mod postgres {
            $(
                #[tokio::test]
                async fn $behaviour() {
                    if let Some(home) = crate::servers::Server::start() {
                        crate::suite::$behaviour(&home).await;
                    }
                }
            )*
        }
    };
}

on_every_store!(
    orders_and_events_are_read_back_after_a_restart,
    open_orders_are_counted_by_venue_and_state,
    a_journal_that_was_closed_takes_nothing_more_and_another_gateway_writes_at_once,
    a_label_is_free_again_once_its_order_is_final_and_belongs_to_one_tenant,
    one_bad_append_does_not_spoil_those_committed_with_it,
    every_filter_selects_what_it_says_and_nothing_of_other_tenants,
    pages_cover_everything_once_even_where_orders_share_a_millisecond,
    an_order_is_found_by_every_id_it_ever_had_at_its_venue,
    an_order_that_went_on_is_found_where_it_is_where_it_was_and_by_what_was_asked,
    what_is_live_where_an_order_went_on_from_is_kept_and_watched_without_end,
    ten_thousand_orders_in_a_range_come_complete_and_in_order,
    a_key_is_claimed_with_its_order_and_by_one_request,
    a_key_is_bound_to_its_answer_for_good,
    events_of_several_orders_and_their_keys_answer_are_stored_all_or_none,
    a_key_that_is_let_go_with_the_failure_can_be_used_again,
    what_was_given_up_is_watched_across_restarts_until_its_day_is_over_or_it_is_seen,
    projections_made_anew_are_what_they_were,
    retention_removes_what_is_over_and_leaves_a_chain_that_holds,
    keys_are_forgotten_in_time_and_their_entries_after_that,
    a_halt_stands_across_restarts_and_retention_until_it_is_resumed,
    what_was_done_to_keys_stands_across_restarts_and_retention,
);

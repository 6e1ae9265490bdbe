//! The tables, as both databases have them. Instants are microseconds since the Unix epoch; documents are JSON text.

diesel::table! {
    customers (id) {
        id -> Text,
        stripe_customer -> Nullable<Text>,
        attributes -> Text,
        updated_at -> BigInt,
    }
}

diesel::table! {
    activity (customer) {
        customer -> Text,
        first_day -> Integer,
        last_day -> Integer,
        days -> Binary,
        updated_at -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    snapshots (subscription) {
        subscription -> Text,
        stripe_customer -> Text,
        body -> Text,
        fetched_at -> BigInt,
        signals_due_at -> BigInt,
    }
}

diesel::table! {
    signals (id) {
        id -> Text,
        subscription -> Text,
        key -> Text,
        customer -> Text,
        livemode -> Bool,
        flow_key -> Text,
        flow_version -> Integer,
        segments -> Text,
        raised_at -> BigInt,
    }
}

diesel::table! {
    departures (tag, customer) {
        tag -> Text,
        customer -> Text,
        session_id -> Text,
        subscription -> Text,
        livemode -> Bool,
        left_at -> BigInt,
        do_not_contact -> Bool,
        mark -> Nullable<Text>,
    }
}

diesel::table! {
    asks (id) {
        id -> Text,
        session_id -> Text,
        offer_id -> Text,
        offer -> Text,
        key -> Text,
        #[sql_name = "type"]
        ask_type -> Text,
        label -> Text,
        customer -> Text,
        subscription -> Text,
        livemode -> Bool,
        state -> Text,
        created_at -> BigInt,
        settled_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    shipped_features (tag) {
        tag -> Text,
        shipped_at -> BigInt,
    }
}

diesel::table! {
    sessions (id) {
        id -> Text,
        customer -> Text,
        stripe_customer -> Nullable<Text>,
        subscription -> Text,
        livemode -> Bool,
        flow_key -> Text,
        flow_version -> Integer,
        status -> Text,
        step -> Text,
        reason -> Nullable<Text>,
        mrr -> Nullable<BigInt>,
        currency -> Nullable<Text>,
        segments -> Text,
        token_id -> Nullable<Text>,
        awaited_operation -> Nullable<Text>,
        created_at -> BigInt,
        updated_at -> BigInt,
        expires_at -> BigInt,
        closed_at -> Nullable<BigInt>,
        version -> BigInt,
        body -> Text,
        watched -> Bool,
        evidence_until -> Nullable<BigInt>,
        reentered -> Bool,
    }
}

diesel::table! {
    session_offers (id) {
        id -> Text,
        session_id -> Text,
        ordinal -> Integer,
        key -> Text,
        offer_type -> Text,
        state -> Text,
        presented_at -> BigInt,
        decided_at -> Nullable<BigInt>,
        cost -> Nullable<BigInt>,
    }
}

diesel::table! {
    save_checks (session_id, horizon) {
        session_id -> Text,
        horizon -> Integer,
        subscription -> Text,
        livemode -> Bool,
        due_at -> BigInt,
        next_at -> BigInt,
        attempts -> Integer,
        settled -> Bool,
        lease_owner -> Nullable<Text>,
        lease_until -> Nullable<BigInt>,
        checked_at -> Nullable<BigInt>,
        verdict -> Nullable<Text>,
        mrr -> Nullable<BigInt>,
        discounts -> Nullable<BigInt>,
        currency -> Nullable<Text>,
        evidence -> Nullable<Text>,
    }
}

diesel::table! {
    session_decisions (session_id, ordinal) {
        session_id -> Text,
        ordinal -> Integer,
        at -> BigInt,
        body -> Text,
    }
}

diesel::table! {
    operations (id) {
        id -> Text,
        session_id -> Text,
        subscription -> Text,
        state -> Text,
        settled -> Bool,
        due_at -> BigInt,
        lease_owner -> Nullable<Text>,
        lease_until -> Nullable<BigInt>,
        created_at -> BigInt,
        updated_at -> BigInt,
        body -> Text,
        ordinal -> BigInt,
    }
}

diesel::table! {
    idempotency_keys (caller, key) {
        caller -> Text,
        key -> Text,
        fingerprint -> Binary,
        status -> Integer,
        body -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    budgets (budget) {
        budget -> Text,
        spent -> BigInt,
    }
}

diesel::table! {
    webhook_events (id) {
        id -> Text,
        received_at -> BigInt,
    }
}

diesel::table! {
    events (id) {
        id -> Text,
        #[sql_name = "type"]
        event_type -> Text,
        created_at -> BigInt,
        livemode -> Bool,
        customer -> Nullable<Text>,
        subscription -> Text,
        session_id -> Nullable<Text>,
        once -> Nullable<Text>,
        data -> Text,
    }
}

diesel::table! {
    audit_lines (id) {
        id -> Text,
        at -> BigInt,
        actor -> Text,
        action -> Text,
        detail -> Text,
        session_id -> Nullable<Text>,
    }
}

diesel::table! {
    flow_drafts (key) {
        key -> Text,
        document -> Text,
        format -> Text,
        updated_at -> BigInt,
        revision -> BigInt,
    }
}

diesel::table! {
    flow_versions (key, version) {
        key -> Text,
        version -> Integer,
        document -> Text,
        source -> Text,
        format -> Text,
        note -> Nullable<Text>,
        actor -> Text,
        published_at -> BigInt,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Text,
        name -> Text,
        role -> Text,
        hash -> Binary,
        prefix -> Text,
        created_at -> BigInt,
        last_used_at -> Nullable<BigInt>,
        revoked_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    drifts (id) {
        id -> Text,
        operation_id -> Text,
        kind -> Text,
        session_id -> Text,
        subscription -> Text,
        state -> Text,
        expected -> Text,
        found -> Text,
        repair -> Nullable<Text>,
        repair_id -> Nullable<Text>,
        found_at -> BigInt,
        seen_at -> BigInt,
        closed_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    prices (id) {
        id -> Text,
        body -> Nullable<Text>,
        fetched_at -> BigInt,
    }
}

diesel::table! {
    backtests (id) {
        id -> Text,
        flow_key -> Text,
        version -> Nullable<Integer>,
        document -> Text,
        created_from -> BigInt,
        created_to -> BigInt,
        total -> BigInt,
        cursor -> Nullable<Text>,
        tally -> Text,
        actor -> Text,
        created_at -> BigInt,
        finished_at -> Nullable<BigInt>,
        lease_owner -> Nullable<Text>,
        lease_until -> Nullable<BigInt>,
    }
}

diesel::table! {
    backtest_sessions (backtest_id, session_id) {
        backtest_id -> Text,
        session_id -> Text,
        changed -> Bool,
        body -> Text,
    }
}

diesel::table! {
    reconciliations (name) {
        name -> Text,
        cursor -> Nullable<Text>,
        started_at -> Nullable<BigInt>,
        finished_at -> Nullable<BigInt>,
        compared -> BigInt,
        found -> BigInt,
        lease_owner -> Nullable<Text>,
        lease_until -> Nullable<BigInt>,
    }
}

diesel::table! {
    event_marks (account) {
        account -> Text,
        seen_until -> BigInt,
        lease_owner -> Nullable<Text>,
        lease_until -> Nullable<BigInt>,
    }
}

diesel::table! {
    session_experiments (session_id, experiment) {
        session_id -> Text,
        experiment -> Text,
        arm -> Text,
        propensity -> Integer,
        shares -> Text,
        exposed_at -> BigInt,
    }
}

diesel::table! {
    bandit_shares (flow_key, experiment, day) {
        flow_key -> Text,
        experiment -> Text,
        day -> Text,
        shares -> Text,
    }
}

diesel::joinable!(session_offers -> sessions (session_id));
diesel::joinable!(session_experiments -> sessions (session_id));
diesel::joinable!(save_checks -> sessions (session_id));
diesel::joinable!(asks -> sessions (session_id));
diesel::allow_tables_to_appear_in_same_query!(
    sessions,
    session_offers,
    save_checks,
    session_experiments,
    asks
);
diesel::allow_columns_to_appear_in_same_group_by_clause!(session_offers::offer_type, sessions::currency);

//! Accounts and sign-in.

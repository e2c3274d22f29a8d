//! One component for each address.

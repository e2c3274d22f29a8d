//! Pure state: no browser in here, so all of it is tested natively.

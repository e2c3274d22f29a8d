//! Handles with verbs for components.

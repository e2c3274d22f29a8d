//! The parts of the page. A component reads what it shows with the hooks and does what it does through their verbs.

pub mod brand;
pub mod button;
pub mod chat;
pub mod feedback;
pub mod field;
pub mod icon;
pub mod layout;
pub mod menu;
pub(crate) mod sheet;

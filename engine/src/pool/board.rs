//! What everybody may see of the models: written by the pool before it tells anybody of a change, read by all.

use std::sync::{PoisonError, RwLock};

use tokio::sync::watch;

use crate::ModelInfo;

/// The models by id, in the order of the pool's entries.
#[derive(Debug)]
pub(crate) struct Board {
    models: RwLock<Vec<ModelInfo>>,
    settings_complaint: RwLock<Option<String>>,
    version: watch::Sender<u64>,
}

impl Board {
    pub(super) fn new(models: Vec<ModelInfo>) -> Self {
        Self {
            models: RwLock::new(models),
            settings_complaint: RwLock::default(),
            version: watch::Sender::new(0),
        }
    }

    /// All of them.
    pub(crate) fn models(&self) -> Vec<ModelInfo> {
        // A writer only replaces whole values, so a poisoned lock is as good.
        self.models.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes with every change.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    pub(crate) fn settings_complaint(&self) -> Option<String> {
        self.settings_complaint.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn complain(&self, of_settings: Option<&str>) {
        let complaint = of_settings.map(str::to_owned);
        *self.settings_complaint.write().unwrap_or_else(PoisonError::into_inner) = complaint;
    }

    pub(super) fn publish(&self, index: usize, info: ModelInfo) {
        if let Some(model) = self.models.write().unwrap_or_else(PoisonError::into_inner).get_mut(index) {
            *model = info;
        }
        self.version.send_modify(|version| *version += 1);
    }
}

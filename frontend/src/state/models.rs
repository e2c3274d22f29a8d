//! The models that can be chosen.

use shared::{Model, ModelState};

/// The models, and which one was chosen on this page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Models {
    /// As the server listed them; none before it did.
    pub items: Option<Vec<Model>>,
    /// Chosen last on this device: for conversations that have used none yet.
    pub chosen: Option<String>,
}

impl Models {
    /// The model that the next message goes to: the conversation's, else the one chosen last, else the default, of
    /// those that exist.
    pub fn current(&self, of_conversation: Option<&str>) -> Option<&Model> {
        let find = |id: &str| self.items.iter().flatten().find(|model| model.id == id);
        of_conversation
            .and_then(find)
            .or_else(|| self.chosen.as_deref().and_then(find))
            .or_else(|| self.items.iter().flatten().find(|model| model.default))
            .or_else(|| self.items.iter().flatten().next())
    }

    /// Whether there is a model that can answer.
    pub fn any_is_usable(&self) -> bool {
        self.items.iter().flatten().any(|model| !matches!(model.state, ModelState::Failed { .. }))
    }

    /// The name of a model for people; its id where it is gone.
    pub fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.items.iter().flatten().find(|model| model.id == id).map_or(id, |model| model.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(id: &str, default: bool) -> Model {
        Model {
            id: id.into(),
            name: id.to_uppercase(),
            size_bytes: 1,
            context_tokens: None,
            state: ModelState::Unloaded,
            default,
        }
    }

    #[test]
    fn the_conversations_model_wins_over_the_chosen_one_over_the_default() {
        let mut models = Models {
            items: Some(vec![model("a", false), model("b", true), model("c", false)]),
            chosen: None,
        };
        let id = |models: &Models, of| models.current(of).map(|model| model.id.clone());
        assert_eq!(id(&models, None).as_deref(), Some("b"));
        assert_eq!(id(&models, Some("a")).as_deref(), Some("a"));
        models.chosen = Some("c".into());
        assert_eq!(id(&models, Some("a")).as_deref(), Some("a"));
        assert_eq!(id(&models, None).as_deref(), Some("c"));
        models.chosen = Some("gone".into());
        assert_eq!(id(&models, Some("gone too")).as_deref(), Some("b"));
    }

    #[test]
    fn a_model_that_failed_is_not_usable() {
        let failed =
            |id| Model { state: ModelState::Failed { message: "no room".into() }, ..model(id, false) };
        assert!(!Models { items: Some(vec![failed("a"), failed("b")]), chosen: None }.any_is_usable());
        assert!(Models { items: Some(vec![failed("a"), model("b", false)]), chosen: None }.any_is_usable());
    }
}

//! What a model is asked.

use serde::{Deserialize, Serialize};

use crate::{Tool, ToolCall, ToolChoice};

/// A token id of a model's vocabulary, as llama.cpp and PostgreSQL's `int[]` hold it.
pub type Token = i32;

/// Most tools of one request: their descriptions fill the context long before.
const TOOLS_MAX: usize = 128;

/// Who a message is from, in the words of chat templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChatRole {
    /// Instructions before the conversation.
    System,
    /// A person.
    User,
    /// The model.
    Assistant,
    /// A tool that the model called.
    Tool,
}

impl ChatRole {
    /// The name that chat templates know.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// Who it is from.
    pub role: ChatRole,
    /// Its text; of a tool, the result.
    pub content: String,
    /// Of the model: what it thought first. Empty where it did not, and where the template should not show it again.
    pub reasoning: String,
    /// Of the model: the tools that it called.
    pub tool_calls: Vec<ToolCall>,
    /// Of a tool: the [`ToolCall::id`] of the call that it answers; empty where that is not known.
    pub tool_call_id: String,
    /// Of a tool: its name; empty where that is not known.
    pub tool_name: String,
}

impl ChatMessage {
    /// A message of nothing but text.
    pub fn new(role: ChatRole, content: impl Into<String>) -> Self {
        Self {
            role,
            content: content.into(),
            reasoning: String::new(),
            tool_calls: Vec::new(),
            tool_call_id: String::new(),
            tool_name: String::new(),
        }
    }

    /// The result of the call `id` of the tool `name`.
    pub fn tool_result(id: impl Into<String>, name: impl Into<String>, content: impl Into<String>) -> Self {
        Self { tool_call_id: id.into(), tool_name: name.into(), ..Self::new(ChatRole::Tool, content) }
    }
}

/// Whether and how long the model thinks before it answers, where its template knows of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReasoningMode {
    /// As the template has it by itself.
    #[default]
    Default,
    /// Not at all.
    Off,
    /// Yes.
    On,
    /// Yes, and so long.
    Effort(ReasoningEffort),
}

/// How long the model thinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the words are those of templates and APIs")]
pub enum ReasoningEffort {
    Low,
    Medium,
    High,
}

/// A conversation that is to go on, with what the model may use for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chat {
    /// In order, at least one.
    pub messages: Vec<ChatMessage>,
    /// Tools that the model may call.
    pub tools: Vec<Tool>,
    /// Which of them it may or must call.
    pub tool_choice: ToolChoice,
    /// Whether it may call several at once.
    pub parallel_tool_calls: bool,
    /// Whether it thinks first.
    pub reasoning: ReasoningMode,
}

impl From<Vec<ChatMessage>> for Chat {
    /// A conversation without tools.
    fn from(messages: Vec<ChatMessage>) -> Self {
        Self {
            messages,
            tools: Vec::new(),
            tool_choice: ToolChoice::Auto,
            parallel_tool_calls: true,
            reasoning: ReasoningMode::Default,
        }
    }
}

impl Chat {
    /// Whether the reply may call tools.
    pub fn may_call_tools(&self) -> bool {
        !self.tools.is_empty() && self.tool_choice != ToolChoice::None
    }

    /// Checks what every worker would refuse. A worker checks again: this is for whoever wants to know before.
    ///
    /// # Errors
    /// A sentence for whoever sent it.
    pub fn check(&self) -> Result<(), String> {
        if self.messages.is_empty() {
            return Err("there is no message to answer".to_owned());
        }
        if self.tools.len() > TOOLS_MAX {
            return Err(format!("at most {TOOLS_MAX} tools, and these are {}", self.tools.len()));
        }
        if let Some(double) = self.first_double() {
            return Err(format!("two tools are called {double}"));
        }
        match &self.tool_choice {
            ToolChoice::Named(name) if !self.tools.iter().any(|tool| tool.name() == name) => {
                return Err(format!("the tool {name} is to be called and is not among the tools"));
            }
            ToolChoice::Required if self.tools.is_empty() => {
                return Err("a tool is to be called and there are none".to_owned());
            }
            _ => {}
        }
        self.messages.iter().flat_map(|message| &message.tool_calls).try_for_each(ToolCall::check)
    }

    fn first_double(&self) -> Option<&str> {
        let mut seen = std::collections::HashSet::new();
        self.tools.iter().map(Tool::name).find(|name| !seen.insert(*name))
    }
}

/// What to answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Prompt {
    /// A conversation: the worker applies the model's chat template.
    Chat(Box<Chat>),
    /// Tokens as [`crate::GenerationEvent::Prompt`] told them before, for an answer in a conversation without tools
    /// that is gone on with: evaluated as they are, without a template.
    Tokens(Vec<Token>),
}

impl From<Chat> for Prompt {
    fn from(chat: Chat) -> Self {
        Self::Chat(Box::new(chat))
    }
}

impl From<Vec<ChatMessage>> for Prompt {
    fn from(messages: Vec<ChatMessage>) -> Self {
        Chat::from(messages).into()
    }
}

/// How urgent a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Priority {
    /// Somebody waits for it.
    Chat,
    /// A side job, such as a title: runs only in a slot that no chat wants, and leaves the prefixes of chats alone
    /// while any other slot is free.
    Side,
}

/// How long a prompt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromptSize {
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens that prompt and answer may have together.
    pub context_tokens: u32,
}

/// A prompt before and after the tokeniser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderedPrompt {
    /// What the chat template made of the conversation.
    pub text: String,
    /// What the model reads.
    pub tokens: Vec<Token>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str) -> Tool {
        Tool::new(name.to_owned(), String::new(), String::new()).unwrap()
    }

    fn chat() -> Chat {
        Chat::from(vec![ChatMessage::new(ChatRole::User, "Add two and two.")])
    }

    #[test]
    fn a_chat_is_refused_for_what_no_template_could_make_sense_of() {
        assert_eq!(chat().check(), Ok(()));
        assert!(Chat::from(Vec::new()).check().is_err());
        let with = |tools: Vec<Tool>, tool_choice| Chat { tools, tool_choice, ..chat() }.check();
        assert_eq!(with(vec![tool("a"), tool("b")], ToolChoice::Named("b".to_owned())), Ok(()));
        assert!(with(vec![tool("a"), tool("a")], ToolChoice::Auto).is_err());
        assert!(with(vec![tool("a")], ToolChoice::Named("b".to_owned())).is_err());
        assert!(with(Vec::new(), ToolChoice::Required).is_err());
        assert!(with(vec![tool("a"); TOOLS_MAX + 1], ToolChoice::Auto).is_err());
        let call = ToolCall { id: String::new(), name: "a".to_owned(), arguments: "{".to_owned() };
        let message = ChatMessage { tool_calls: vec![call], ..ChatMessage::new(ChatRole::Assistant, "") };
        assert!(Chat::from(vec![message]).check().is_err());
    }
}

//! One person: writes messages, reads the answers on one or two devices, stops some, asks again, goes on with what
//! failed, reloads, signs out and in, and sends until the server has said that it has it.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::{
    ClientId, Continue, Conversation, ConversationId, CreateConversation, GenerationOptions, MessageId,
    Regenerate, SendAccepted, SendMessage, paths,
};
use tokio::sync::watch;

use super::api::Backoff;
use super::device::Device;
use super::screen::End;
use crate::dice::Dice;
use crate::ledger::{Ask, Asked, Ledger, Rule};

/// Between two things that a person does.
const THINKING_MS: std::ops::RangeInclusive<u64> = 0..=600;
/// From a few words to ten seconds of text.
const ANSWER_TOKENS: std::ops::RangeInclusive<u64> = 5..=320;
/// Beyond it a conversation is left for a new one: prompt and answer must fit the model's 8,192 tokens, of which a
/// prompt takes one a byte.
const CONVERSATION_MAX_BYTES: usize = 5_000;
/// When a stop comes, after the acknowledgement: before the first token, or in the middle.
const STOP_AFTER_MS: std::ops::RangeInclusive<u64> = 0..=2_500;

/// A simulated person.
pub struct Person {
    number: usize,
    devices: Vec<Arc<Device>>,
    ledger: Ledger,
    dice: Dice,
    /// No new things are begun once it is true.
    winding_up: watch::Receiver<bool>,
    here: Option<Place>,
}

/// Where a person is.
#[derive(Clone, Copy, Debug)]
struct Place {
    conversation: ConversationId,
    /// The answer that the next message follows.
    leaf: Option<MessageId>,
    /// About so many bytes are on the branch.
    bytes: usize,
}

impl Person {
    /// A person with these devices, signed in on all of them.
    pub fn new(
        number: usize,
        devices: Vec<Arc<Device>>,
        ledger: Ledger,
        dice: Dice,
        winding_up: watch::Receiver<bool>,
    ) -> Self {
        Self { number, devices, ledger, dice, winding_up, here: None }
    }

    /// Lives until the test winds up and the last answer has ended.
    pub async fn live(mut self) {
        while !*self.winding_up.borrow() {
            let pause = self.dice.millis(THINKING_MS);
            let mut winding_up = self.winding_up.clone();
            if tokio::time::timeout(pause, winding_up.wait_for(|up| *up)).await.is_ok() {
                return;
            }
            match self.dice.between(1..=100) {
                1..=6 => self.reload().await,
                7..=8 => self.sign_out_and_in().await,
                9..=20 => self.regenerate().await,
                21..=26 => self.begin().await,
                _ => self.send().await,
            }
        }
    }

    async fn reload(&mut self) {
        let (Some(place), Some(device)) = (self.here, self.device()) else { return };
        device.reload(place.conversation).await;
    }

    async fn sign_out_and_in(&mut self) {
        let Some(device) = self.device() else { return };
        device.browser().sign_out_and_in().await;
    }

    async fn send(&mut self) {
        let Some(device) = self.device() else { return };
        let place = self.here.filter(|place| place.bytes < CONVERSATION_MAX_BYTES);
        let place = if self.dice.percent(10.0) { None } else { place };
        let client_id = ClientId::new();
        let tokens = self.dice.between(ANSWER_TOKENS);
        let content = format!("{} says «{client_id}» ✓ and asks for tokens:{tokens}", device.browser().who());
        let options = self.options();
        let parent = place.and_then(|place| place.leaf);
        let ask = Ask::Send { content: content.clone(), parent };
        let body = SendMessage {
            client_id,
            conversation_id: place.map(|place| place.conversation),
            // The end of the branch that is shown is where this person is; both ways of saying so must do.
            parent_id: if self.dice.percent(70.0) { parent } else { None },
            from_start: false,
            content,
            model: None,
            options: options.clone(),
        };
        let asked = Asked { client_id, person: self.number, what: ask, options, accepted: None };
        let Some(accepted) = self.deliver(&device, asked, paths::CHAT, &body).await else {
            self.here = None;
            return;
        };
        let bytes = place.map_or(0, |place| place.bytes) + body.content.len();
        self.here =
            Some(Place { conversation: accepted.conversation_id, leaf: Some(accepted.message_id), bytes });
        self.watch_answer(&device, accepted).await;
    }

    async fn regenerate(&mut self) {
        let (Some(place), Some(device)) = (self.here, self.device()) else { return };
        let Some(leaf) = place.leaf else { return };
        let client_id = ClientId::new();
        let options = self.options();
        let body = Regenerate { client_id, model: None, options: options.clone() };
        let asked = Asked {
            client_id,
            person: self.number,
            what: Ask::Regenerate { beside: leaf },
            options,
            accepted: None,
        };
        let path = paths::message_regenerate(leaf);
        let Some(accepted) = self.deliver(&device, asked, &path, &body).await else { return };
        self.here = Some(Place { leaf: Some(accepted.message_id), ..place });
        self.watch_answer(&device, accepted).await;
    }

    /// Goes on with an answer that ended early.
    async fn go_on(&mut self, device: &Arc<Device>, of: SendAccepted) -> Option<SendAccepted> {
        let client_id = ClientId::new();
        let body = Continue { client_id };
        let ask = Ask::Continue { of: of.message_id };
        let asked = Asked {
            client_id,
            person: self.number,
            what: ask,
            options: GenerationOptions::default(),
            accepted: None,
        };
        self.deliver(device, asked, &paths::message_continue(of.message_id), &body).await
    }

    /// Sends until it is acknowledged, as the page's outbox does.
    async fn deliver(
        &mut self,
        device: &Arc<Device>,
        asked: Asked,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Option<SendAccepted> {
        let (client_id, browser, ledger) = (asked.client_id, device.browser(), self.ledger.clone());
        ledger.asks(browser.who(), asked);
        let acknowledged = |accepted: &SendAccepted| ledger.acknowledged(browser.who(), client_id, *accepted);
        self.repeat(device, path, body, None, acknowledged).await
    }

    /// Makes a conversation that has a title already. The key makes repeats harmless.
    async fn begin(&mut self) {
        let Some(device) = self.device() else { return };
        let (browser, ledger) = (device.browser(), self.ledger.clone());
        let key = ClientId::new().to_string();
        let title = format!("{} begins {key}", browser.who());
        ledger.begins(browser.who(), &title);
        let body = CreateConversation { title: Some(title.clone()), model: None };
        let begun = |conversation: &Conversation| ledger.begun(browser.who(), &title, conversation.id);
        let made = self.repeat(&device, paths::CONVERSATIONS, &body, Some(&key), begun).await;
        self.here = made.map(|conversation| Place { conversation: conversation.id, leaf: None, bytes: 0 });
        self.send().await;
    }

    /// Asks until there is an answer, now and then twice at once, as a network may.
    async fn repeat<T: DeserializeOwned>(
        &mut self,
        device: &Arc<Device>,
        path: &str,
        body: &(impl Serialize + Sync),
        key: Option<&str>,
        answered: impl Fn(&T),
    ) -> Option<T> {
        let browser = device.browser();
        let mut backoff = Backoff::new(browser.dice(path));
        loop {
            let twice = self.dice.percent(8.0);
            self.ledger.count(|sums| {
                sums.tries += 1;
                sums.duplicated += u64::from(twice);
            });
            let once = || browser.ask_keyed::<T>(Method::POST, path, Some(body), key);
            let (first, second) = match twice {
                true => {
                    let (first, second) = tokio::join!(once(), once());
                    (first, Some(second))
                }
                false => (once().await, None),
            };
            [Some(&first), second.as_ref()].into_iter().flatten().flatten().for_each(&answered);
            let trouble = match (first, second) {
                (Ok(answer), _) | (_, Some(Ok(answer))) => return Some(answer),
                (Err(trouble), _) => trouble,
            };
            if !browser.recovers(path, &trouble, &mut backoff).await {
                return None;
            }
        }
    }

    /// Shows the answer on all devices, stops it perhaps, and waits for its end on one of them.
    async fn watch_answer(&mut self, device: &Arc<Device>, mut accepted: SendAccepted) {
        loop {
            for device in &self.devices {
                device.open(accepted.conversation_id, false);
                device.expect(accepted.generation_id);
            }
            let stop = self.dice.percent(18.0);
            if stop {
                let pause =
                    if self.dice.percent(30.0) { Duration::ZERO } else { self.dice.millis(STOP_AFTER_MS) };
                tokio::time::sleep(pause).await;
                self.stop(accepted).await;
            }
            if self.dice.percent(4.0) {
                // Leaves for another conversation; nobody reads this answer to its end.
                self.here = None;
                return;
            }
            let end = device.end_of(accepted.generation_id).await;
            let goes_on = match end {
                Some(End::Failed) => self.dice.percent(80.0),
                Some(End::Stopped) => self.dice.percent(25.0),
                Some(End::Done) | None => false,
            };
            let shown = device.shown_bytes(accepted.generation_id);
            if let Some(place) = &mut self.here {
                place.bytes += shown;
            }
            // Nothing to go on from: the page offers to ask again.
            if !goes_on || shown == 0 {
                return;
            }
            let Some(next) = self.go_on(device, accepted).await else { return };
            self.here = self.here.map(|place| Place { leaf: Some(next.message_id), ..place });
            accepted = next;
        }
    }

    async fn stop(&mut self, answer: SendAccepted) {
        let Some(device) = self.device() else { return };
        let browser = device.browser();
        self.ledger.asks_stop(browser.who(), answer.generation_id);
        let path = paths::generation_stop(answer.generation_id);
        let stopped = browser.insist::<()>(Method::POST, &path, None::<&()>).await;
        self.ledger.check(Rule::NothingRefused, stopped.is_some(), || {
            format!("a stop of {} was refused", answer.generation_id)
        });
        self.ledger.note(browser.who(), format_args!("has stopped {}", answer.generation_id));
        self.ledger.count(|sums| sums.stops += 1);
    }

    fn options(&mut self) -> GenerationOptions {
        GenerationOptions {
            temperature: Some(0.8),
            seed: Some(u32::try_from(self.dice.between(0..=u64::from(u32::MAX))).unwrap_or_default()),
            max_tokens: self.dice.percent(10.0).then_some(60),
            ..GenerationOptions::default()
        }
    }

    /// Any of the devices.
    fn device(&mut self) -> Option<Arc<Device>> {
        self.dice.pick(&self.devices).cloned()
    }
}

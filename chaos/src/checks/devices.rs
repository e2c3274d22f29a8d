//! Whether every device showed in the end what is kept, and a fresh reload, from each server, shows the same.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use shared::{ConversationId, GenerationId, Message};
use tokio::sync::watch;

use super::record::Record;
use crate::ledger::{Ledger, Rule};
use crate::people::People;
use crate::people::api::Browser;
use crate::people::device::Device;
use crate::people::screen::Shown;
use crate::stack::Stack;

/// Checks what the devices have shown to its end.
pub fn check_screens(ledger: &Ledger, record: &Record, devices: &[Shown]) {
    for device in devices {
        ledger.check(Rule::DevicesAgree, !device.is_waiting, || {
            format!("{} still waits for an answer that has ended", device.who)
        });
        for (id, text) in &device.finished {
            let kept = kept(record, *id);
            ledger.check(Rule::DevicesAgree, kept == Some(text.as_str()), || {
                format!("{} shows {text:?} as {id}, and kept is {kept:?}", device.who)
            });
        }
    }
}

/// Reads all conversations of everybody once more from a server, as another device of theirs would.
pub async fn check_reload(ledger: &Ledger, record: &Record, stack: &Stack, people: &People, seed: u64) {
    let conversations = conversations(ledger);
    for (person, of_person) in conversations {
        // The servers take turns: what one reads is what all of them read.
        let Some(replica) = stack.replicas.get(person % stack.replicas.len().max(1)) else { continue };
        let Some(first) = people.devices.get(person).and_then(|devices| devices.first()) else { continue };
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let who = format!("p{person}reload");
        let email = first.browser().email().to_owned();
        let Ok(browser) = Browser::new(who, email, local, replica.address, ledger.clone(), seed) else {
            continue;
        };
        browser.sign_in().await;
        let device = Device::new(browser, ledger.clone(), None, watch::Sender::new(false).subscribe());
        for conversation in of_person {
            match device.messages(conversation).await {
                Ok(messages) => compare(ledger, record, conversation, &messages),
                Err(trouble) => ledger
                    .check(Rule::DevicesAgree, false, || format!("{conversation} cannot be read: {trouble}")),
            }
        }
    }
}

/// Checks what a reload shows of a conversation.
pub fn compare(ledger: &Ledger, record: &Record, conversation: ConversationId, messages: &[Message]) {
    let kept = record.messages.values().filter(|message| message.conversation == conversation).count();
    ledger.check(Rule::DevicesAgree, kept == messages.len(), || {
        format!("{conversation} has {kept} messages, and a reload shows {}", messages.len())
    });
    for message in messages {
        let kept = record.messages.get(&message.id).map(|kept| kept.content.as_str());
        ledger.check(Rule::DevicesAgree, kept == Some(message.content.as_str()), || {
            format!("a reload shows {} as {:?}, and kept is {kept:?}", message.id, message.content)
        });
    }
}

fn kept(record: &Record, id: GenerationId) -> Option<&str> {
    let message = record.generations.get(&id)?.message;
    record.messages.get(&message).map(|message| message.content.as_str())
}

/// The conversations of each person, by the number in what they wrote.
fn conversations(ledger: &Ledger) -> BTreeMap<usize, Vec<ConversationId>> {
    let mut conversations: BTreeMap<usize, Vec<ConversationId>> = BTreeMap::new();
    for one in ledger.asked() {
        let Some(accepted) = one.accepted else { continue };
        let of_person = conversations.entry(one.person).or_default();
        if !of_person.contains(&accepted.conversation_id) {
            of_person.push(accepted.conversation_id);
        }
    }
    conversations
}

//! Following the stream: one connection for the open conversation and the list, opened again whenever it breaks.
//!
//! ```text
//! connect ─→ events … ─┬→ broken, silent: back off, connect where the reader stood
//!    ↑                 ├→ gap: forget the answers, connect for snapshots
//!    └─────────────────┴→ `reconnect`: wait as told, connect where the reader stood
//! ```

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gloo_events::EventListener;
use gloo_timers::callback::Timeout;
use shared::reducer::{Outcome, Phase};
use shared::{ConversationId, ErrorCode, GenerationId, StreamEvent};
use wasm_bindgen_futures::spawn_local;
use web_sys::AbortController;

use super::Chat;
use crate::platform::{time, wake};
use crate::state::backoff;
use crate::state::connection::Connection;
use crate::state::failure::Failure;

/// The server sends a heartbeat every 15 s: after three of them were missed the line is dead, whatever TCP believes.
const SILENCE_MS: u32 = 45_000;
/// A page that comes back to the eye after so long a silence asks at once: a heartbeat is overdue.
const OVERDUE_MS: f64 = 20_000.0;
/// The longest part of an answer that is read aloud at its end; the rest is on the page.
const SPOKEN_MAX_CHARS: usize = 4_000;

/// Ends the stream when it is dropped.
pub struct Following {
    ended: Rc<Cell<bool>>,
    request: Rc<RefCell<Option<AbortController>>>,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.ended.set(true);
        if let Some(request) = self.request.borrow_mut().take() {
            request.abort();
        }
    }
}

/// What to do after a connection.
enum Next {
    /// Connect again after this long.
    After(u32),
    /// The line broke: back off.
    Lost,
    /// There is nothing to follow.
    End,
}

/// Aborts a connection on which nothing was heard for [`SILENCE_MS`], or that cannot have survived what happened to the
/// device: then at once.
struct Watchdog {
    controller: AbortController,
    timer: Timeout,
    heard_at_ms: Rc<Cell<f64>>,
    woken: Rc<Cell<bool>>,
    _listeners: Vec<EventListener>,
}

impl Watchdog {
    fn new(controller: AbortController) -> Self {
        let timer = Self::timer(controller.clone());
        let heard_at_ms = Rc::new(Cell::new(time::now_ms()));
        let woken = Rc::new(Cell::new(false));
        let _listeners = wake::on_return({
            let (controller, heard_at_ms, woken) =
                (controller.clone(), Rc::clone(&heard_at_ms), Rc::clone(&woken));
            move |is_online_again| {
                if is_online_again || time::now_ms() - heard_at_ms.get() > OVERDUE_MS {
                    woken.set(true);
                    controller.abort();
                }
            }
        });
        Self { controller, timer, heard_at_ms, woken, _listeners }
    }

    fn heard(&mut self) {
        self.heard_at_ms.set(time::now_ms());
        self.timer = Self::timer(self.controller.clone());
    }

    /// What to do after the line broke.
    fn lost(&self) -> Next {
        if self.woken.get() { Next::After(0) } else { Next::Lost }
    }

    fn timer(controller: AbortController) -> Timeout {
        Timeout::new(SILENCE_MS, move || controller.abort())
    }
}

impl Chat {
    /// Follows a conversation and the list, or the list alone.
    pub(super) fn follow(&self, conversation: Option<ConversationId>) -> Following {
        let following = Following { ended: Rc::default(), request: Rc::default() };
        let (ended, request) = (Rc::clone(&following.ended), Rc::clone(&following.request));
        let chat = self.clone();
        spawn_local(async move {
            let mut attempt = 0;
            let mut again = false;
            while !ended.get() {
                let next = chat.listen(conversation, &ended, &request, &mut attempt, again).await;
                again = true;
                if ended.get() {
                    return;
                }
                let wait_ms = match next {
                    Next::After(wait_ms) => wait_ms,
                    Next::Lost => {
                        chat.connection.update(|connection| connection.lose(time::now_ms()));
                        let wait_ms = backoff::delay_ms(attempt, time::random());
                        attempt += 1;
                        wait_ms
                    }
                    Next::End => return,
                };
                if wait_ms > 0 {
                    wake::wait(wait_ms).await;
                }
            }
        });
        following
    }

    async fn listen(
        &self,
        conversation: Option<ConversationId>,
        ended: &Cell<bool>,
        request: &RefCell<Option<AbortController>>,
        attempt: &mut u32,
        again: bool,
    ) -> Next {
        let Ok(controller) = AbortController::new() else { return Next::End };
        request.replace(Some(controller.clone()));
        let mut watchdog = Watchdog::new(controller.clone());
        let mut stream =
            match self.client.stream(conversation, self.live.cursor(), &controller.signal()).await {
                Ok(stream) => stream,
                Err(Failure::Refused(error))
                    if matches!(error.code, ErrorCode::NotFound | ErrorCode::Unauthenticated) =>
                {
                    return Next::End;
                }
                Err(failure) => {
                    if !failure.is_passing() {
                        // Whatever the server does not like about where the reader stands: snapshots are as good.
                        self.forget_answers();
                    }
                    return watchdog.lost();
                }
            };
        if ended.get() {
            return Next::End;
        }
        *attempt = 0;
        self.connection.set(Connection::Open);
        wake::everybody();
        if again {
            self.reload(false);
            self.refresh_models();
            self.send_waiting();
        }
        loop {
            let events = match stream.next().await {
                Ok(Some(events)) => events,
                Ok(None) | Err(_) => return watchdog.lost(),
            };
            if ended.get() {
                return Next::End;
            }
            watchdog.heard();
            for event in events {
                if let StreamEvent::Reconnect { after_ms } = event {
                    controller.abort();
                    return Next::After(after_ms);
                }
                if self.hear(event) == Outcome::Gap {
                    controller.abort();
                    self.forget_answers();
                    return Next::After(0);
                }
            }
        }
    }

    /// One event of the stream. Nothing of it is taken over where something before it is missing.
    pub fn hear(&self, event: StreamEvent) -> Outcome {
        let outcome = self.live.apply(&event);
        if outcome != Outcome::Gap {
            self.take(event);
        }
        outcome
    }

    /// Forgets where the stream stands in every answer. What is shown of them stays until it comes again.
    pub(super) fn forget_answers(&self) {
        self.catch_up();
        self.live.clear();
    }

    /// Has the messages take over what the stream has brought of them.
    fn catch_up(&self) {
        let running: Vec<_> = self.open.get().all_running().collect();
        for generation in running {
            if let Some(answer) = self.live.answer_if(generation, |answer| answer.seq > 0) {
                self.open.update(|open| open.catch_up(generation, &answer));
            }
        }
    }

    fn take(&self, event: StreamEvent) {
        if let Some(generation) = event.generation_id() {
            self.follow_answer(generation);
        }
        match event {
            StreamEvent::Message { message } if self.open.get().id == Some(message.conversation_id) => {
                if message.continues.is_some() {
                    // It takes the place of one whose end may not have come yet.
                    self.catch_up();
                }
                self.open.update(|open| open.insert(message));
                self.send_waiting();
            }
            StreamEvent::Title { conversation_id, title } => {
                self.list.update(|list| list.rename(conversation_id, &title));
            }
            StreamEvent::List {} => {
                self.refresh_list();
                self.find_ended();
            }
            StreamEvent::Models {} => self.refresh_models(),
            // What passes by itself is told by the notice of the line, should it last.
            StreamEvent::Error { generation_id: None, error }
                if !Failure::Refused(error.clone()).is_passing() =>
            {
                self.complain(error.message);
            }
            _ => {}
        }
    }

    /// An answer has moved: its message must be here, and is whole when it has ended.
    fn follow_answer(&self, generation: GenerationId) {
        let open = self.open.get();
        let is_known = open.written_by(generation).is_some();
        let is_on_its_way = self.is_sending_to(open.id);
        let Some(answer) =
            self.live.answer_if(generation, |answer| !is_known || answer.phase == Phase::Ended)
        else {
            return;
        };
        if !is_known {
            if !is_on_its_way && open.is_ready() {
                self.reload_once(generation);
            }
            return;
        }
        let Some(message) = self.open.update(|open| open.finish(generation, &answer)) else { return };
        if let Some(id) = open.id {
            self.list.update(|list| list.set_generating(id, false));
        }
        // What was written below it has waited for its end.
        self.send_waiting();
        match &message.error {
            Some(error) => self.announce(format!("The answer ended with an error. {}", error.message)),
            None => {
                let text: String = message.content.chars().take(SPOKEN_MAX_CHARS).collect();
                self.announce(format!("Answer finished. {text}"));
            }
        }
    }

    /// The server has said what still runs. An answer that it did not name has ended while nobody looked.
    fn find_ended(&self) {
        let open = self.open.get();
        let unknown: Vec<_> = open.all_running().filter(|generation| !self.live.knows(*generation)).collect();
        for generation in unknown {
            self.reload_once(generation);
        }
    }

    /// Fetches the messages because of one generation, at most once for each.
    fn reload_once(&self, generation: GenerationId) {
        if self.reloaded_for.replace(Some(generation)) != Some(generation) {
            self.reload(false);
        }
    }
}

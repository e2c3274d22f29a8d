//! A database with two people and a server, and short ways to the things that tests need.

use shared::{
    ChunkKind, ClientId, ConversationId, FinishReason, GenerationId, Message, MessageId, Role, SendAccepted,
    UserId,
};
use store::{
    Claim, Ending, NewChunk, NewRegeneration, NewSend, NewUser, Parent, ReplicaId, SendOutcome, Started,
    Store, TestDatabase,
};
use uuid::Uuid;

pub struct World {
    pub database: TestDatabase,
    pub store: Store,
    pub ada: UserId,
    pub bob: UserId,
    pub replica: ReplicaId,
}

impl World {
    pub async fn new() -> Self {
        let database = TestDatabase::create().await;
        let store = database.store().clone();
        let ada = store.create_user(&person("ada"), Role::User).await.unwrap().id;
        let bob = store.create_user(&person("bob"), Role::User).await.unwrap().id;
        let replica = ReplicaId::new();
        store.register_replica(replica, Uuid::now_v7()).await.unwrap();
        Self { database, store, ada, bob, replica }
    }

    /// Ada's first message of a new conversation.
    pub async fn send(&self) -> SendAccepted {
        self.send_to(None, Parent::ActiveLeaf, "Hello?").await
    }

    /// A message of Ada's.
    pub async fn send_to(
        &self,
        conversation_id: Option<ConversationId>,
        parent: Parent,
        content: &str,
    ) -> SendAccepted {
        let new = NewSend { conversation_id, parent, content: content.to_owned(), ..self.new_send() };
        began(self.store.begin_send(self.ada, &new).await.unwrap())
    }

    /// A message of Ada's and its whole answer.
    pub async fn exchange(
        &self,
        conversation_id: Option<ConversationId>,
        parent: Parent,
        content: &str,
    ) -> SendAccepted {
        let ids = self.send_to(conversation_id, parent, content).await;
        self.answer(ids, &["An ", "answer."]).await;
        ids
    }

    /// Runs a generation from its start to its end.
    pub async fn answer(&self, ids: SendAccepted, texts: &[&str]) -> Message {
        let claim = self.start(ids).await;
        self.append(claim, texts).await;
        self.finish(claim).await
    }

    pub async fn start(&self, ids: SendAccepted) -> Claim {
        let claim = Claim::first(ids.generation_id, self.replica);
        let started = self.store.start_generation(claim, &serde_json::json!({}), &[]).await.unwrap();
        assert_eq!(started, Started::Running);
        claim
    }

    pub async fn append(&self, claim: Claim, texts: &[&str]) {
        let lost = self.store.append_chunks(claim.owner, &chunks(claim, texts)).await.unwrap();
        assert_eq!(lost, []);
    }

    pub async fn finish(&self, claim: Claim) -> Message {
        let ending = Ending::Finished(FinishReason::Stop);
        self.store.finish_generation(claim, &ending, None).await.unwrap().expect("it had not ended")
    }

    pub fn new_send(&self) -> NewSend {
        NewSend {
            client_id: ClientId::new(),
            body_sha256: [1; 32],
            conversation_id: None,
            parent: Parent::ActiveLeaf,
            content: "Hello?".to_owned(),
            model: Some("smollm2-135m-instruct".to_owned()),
            request: serde_json::json!({ "temperature": 0.5 }),
            owner: self.replica,
        }
    }

    pub fn new_regeneration(&self, message_id: MessageId) -> NewRegeneration {
        NewRegeneration {
            client_id: ClientId::new(),
            body_sha256: [2; 32],
            message_id,
            model: None,
            request: serde_json::json!({}),
            owner: self.replica,
        }
    }

    /// Runs a statement beside the store: to age rows, or to look at them.
    pub async fn sql(&self, statement: &str) {
        self.database.client().await.batch_execute(statement).await.unwrap();
    }

    pub async fn count(&self, query: &str) -> i64 {
        self.database.client().await.query_one(query, &[]).await.unwrap().get(0)
    }
}

pub fn person(name: &str) -> NewUser {
    NewUser { email: format!("{name}@example.org"), name: name.to_owned(), password_hash: "hash".to_owned() }
}

pub fn began(outcome: SendOutcome) -> SendAccepted {
    match outcome {
        SendOutcome::Began(ids) => ids,
        other => panic!("expected a new send: {other:?}"),
    }
}

/// Chunks of text from the first one on, one token each.
pub fn chunks(claim: Claim, texts: &[&str]) -> Vec<NewChunk> {
    let mut byte_offset = 0;
    let mut chunks = Vec::new();
    for (seq, text) in (1..).zip(texts) {
        chunks.push(chunk(claim.generation_id, claim.epoch, seq, byte_offset, text));
        byte_offset += text.len() as u32;
    }
    chunks
}

pub fn chunk(generation_id: GenerationId, epoch: u32, seq: u32, byte_offset: u32, text: &str) -> NewChunk {
    NewChunk {
        generation_id,
        epoch,
        seq,
        byte_offset,
        kind: ChunkKind::Text,
        body: text.to_owned(),
        tokens: vec![seq as i32],
    }
}

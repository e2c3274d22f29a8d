//! A server of one test.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU32, Ordering};

use actix_web::web;
use backend::app::{App, StartError};
use backend::config::Config;
use backend::services::auth::Caller;
use backend::{AppState, app};
use engine::scripted::ScriptedModel;
use shared::Role;
use store::{NewUser, TestDatabase};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::actor::Actor;
use super::worker::scripted_worker;

/// The model of a server that a test says nothing about.
pub const MODEL: &str = "scripted";

/// A running server. Its database goes when it is dropped.
pub struct TestApp {
    url: String,
    state: web::Data<AppState>,
    end: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<Result<(), StartError>>>,
    accounts: AtomicU32,
    /// Its database, to look at rows and to play tricks.
    pub database: TestDatabase,
    directory: TempDir,
}

/// A server to start.
pub struct Builder {
    settings: BTreeMap<&'static str, String>,
    models: Vec<(String, ScriptedModel)>,
    first_run: bool,
}

impl Builder {
    /// A setting, as in the environment.
    pub fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.settings.insert(name, value.into());
        self
    }

    /// One more model, in the file `<id>.gguf`; without any there is [`MODEL`].
    pub fn model(mut self, id: &str, model: ScriptedModel) -> Self {
        self.models.push((id.to_owned(), model));
        self
    }

    /// Nobody has an account yet; otherwise there is an administrator.
    pub fn first_run(mut self) -> Self {
        self.first_run = true;
        self
    }

    /// Starts it.
    pub async fn start(self) -> TestApp {
        let database = TestDatabase::create().await;
        let directory = tempfile::tempdir().expect("a directory for the server");
        let models = directory.path().join("models");
        std::fs::create_dir(&models).expect("a directory for models");
        let mut wanted = self.models;
        if wanted.is_empty() {
            wanted.push((MODEL.to_owned(), ScriptedModel::default()));
        }
        for (id, model) in &wanted {
            model.write(&models.join(format!("{id}.gguf"))).expect("a model file");
        }

        let mut settings = BTreeMap::from([
            ("DATABASE_URL", database.url()),
            ("DATABASE_CONNECTIONS", "8".to_owned()),
            ("DATA_DIR", directory.path().join("data").display().to_string()),
            ("MODEL_PATH", models.display().to_string()),
            ("ENGINE_PATH", scripted_worker().display().to_string()),
            ("LISTEN_ADDR", "127.0.0.1:0".to_owned()),
            ("LOG_LEVEL", std::env::var("LOG_LEVEL").unwrap_or_else(|_| "error".to_owned())),
        ]);
        settings.extend(self.settings);
        let mut config = Config::from_lookup(&|name| settings.get(name).cloned()).expect("settings");
        // The least that bcrypt knows: most tests are not about the strength of a hash.
        config.bcrypt_cost = Some(4);
        app::logging::start(&config);

        let app =
            App::start(config).await.unwrap_or_else(|error| panic!("the server does not start: {error}"));
        let url = format!("http://{}", app.address());
        let state = app.state().clone();
        let (end, ended) = oneshot::channel();
        let serving = tokio::spawn(app.serve_until(async {
            let _ = ended.await;
        }));
        let app = TestApp {
            url,
            state,
            end: Some(end),
            serving: Some(serving),
            accounts: AtomicU32::new(0),
            database,
            directory,
        };
        if !self.first_run {
            app.admin().await;
        }
        app
    }
}

impl TestApp {
    /// A server with the usual settings, one model and an administrator.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A server with other settings.
    pub fn builder() -> Builder {
        Builder { settings: BTreeMap::new(), models: Vec::new(), first_run: false }
    }

    /// Its address, without a path.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What its handlers can reach.
    pub fn state(&self) -> &AppState {
        &self.state
    }

    /// Its data directory.
    pub fn data_dir(&self) -> std::path::PathBuf {
        self.directory.path().join("data")
    }

    /// Somebody who is not signed in.
    pub fn anonymous(&self) -> Actor {
        Actor::new(&self.url)
    }

    /// A new account that chats, signed in.
    pub async fn user(&self) -> Actor {
        self.account(Role::User).await
    }

    /// A new administrator, signed in.
    pub async fn admin(&self) -> Actor {
        self.account(Role::Admin).await
    }

    /// Made below the API: tests of other things must not wait for hashes and throttles.
    async fn account(&self, role: Role) -> Actor {
        let number = self.accounts.fetch_add(1, Ordering::Relaxed);
        let new = NewUser {
            email: format!("person-{number}@example.org"),
            name: format!("Person {number}"),
            password_hash: "no password fits".to_owned(),
        };
        let user = self.state.store.create_user(&new, role).await.expect("an account");
        let caller = Caller { address: IpAddr::V4(Ipv4Addr::LOCALHOST), user_agent: None };
        let signed_in = self.state.auth.sign_in(user, &caller).await.expect("a session");
        self.anonymous().signed_in(signed_in.session).with_refresh_cookie(&signed_in.refresh_token.reveal())
    }

    /// Ends the server in its own order, and returns when it is gone.
    pub async fn shut_down(&mut self) {
        drop(self.end.take());
        if let Some(serving) = self.serving.take() {
            serving.await.expect("the server panicked").expect("the server ended badly");
        }
    }
}

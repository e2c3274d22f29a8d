//! A server of one test.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
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
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

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
    settings: BTreeMap<&'static str, String>,
    /// Its database, to look at rows and to play tricks.
    pub database: Arc<TestDatabase>,
    directory: Arc<TempDir>,
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
            ("SECRET_KEY", "the secret of all servers of a test".to_owned()),
        ]);
        settings.extend(self.settings);
        let app = TestApp::serve(settings, Arc::new(database), Arc::new(directory)).await;
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

    async fn serve(
        settings: BTreeMap<&'static str, String>,
        database: Arc<TestDatabase>,
        directory: Arc<TempDir>,
    ) -> Self {
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
        let (end, serving, accounts) = (Some(end), Some(serving), AtomicU32::new(0));
        Self { url, state, end, serving, accounts, settings, database, directory }
    }

    /// Another server over the same database.
    pub async fn replica(&self) -> Self {
        let mut settings = self.settings.clone();
        let data = self.directory.path().join(Uuid::now_v7().to_string());
        settings.insert("DATA_DIR", data.display().to_string());
        Self::serve(settings, Arc::clone(&self.database), Arc::clone(&self.directory)).await
    }

    /// The same server again, after [`shut_down`](Self::shut_down): same data directory, another port.
    pub async fn start_again(&self) -> Self {
        Self::serve(self.settings.clone(), Arc::clone(&self.database), Arc::clone(&self.directory)).await
    }

    /// Where all servers of the test keep their files.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Its settings, as in the environment.
    pub fn settings(&self) -> &BTreeMap<&'static str, String> {
        &self.settings
    }

    /// Runs the program `oriel` with the server's settings.
    pub async fn command(&self, arguments: &[&str], input: &str) -> Output {
        self.command_with(&[], arguments, input).await
    }

    /// Runs the program `oriel` with the server's settings but for `changes`.
    pub async fn command_with(&self, changes: &[(&str, &str)], arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_oriel"))
            .args(arguments)
            .env_clear()
            .envs(&self.settings)
            .env("BCRYPT_COST", "10")
            .envs(changes.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program oriel");
        let mut stdin = child.stdin.take().expect("its input");
        // A command that reads nothing may be gone already.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        child.wait_with_output().await.expect("its output")
    }

    /// Its address, without a path.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What its handlers can reach.
    pub fn state(&self) -> &AppState {
        &self.state
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
            // Unique among the servers of one database.
            email: format!("person-{number}-{}@example.org", self.state.generations.owner()),
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
        self.ended().await;
    }

    /// Returns when the server is gone by itself.
    pub async fn ended(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.await.expect("the server panicked").expect("the server ended badly");
        }
    }
}

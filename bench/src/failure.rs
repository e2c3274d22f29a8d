//! Why a measurement could not be taken.

/// Why a measurement could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The server cannot be reached, or broke off.
    #[error("{0}")]
    Transport(#[from] reqwest::Error),
    /// A plain connection, or something of this machine.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The server refused.
    #[error("the server refused: {0}")]
    Refused(#[from] shared::ApiError),
    /// The server's answer is not of the agreed shape.
    #[error("the server's answer is not of the agreed shape: {0}")]
    Shape(#[from] serde_json::Error),
    /// The stream holds something that no client takes.
    #[error("{0}")]
    Stream(#[from] shared::sse::EventTooLong),
    /// The stream was refused, or says that it failed.
    #[error("a stream was answered with `{0}`")]
    Status(String),
    /// The model ended before there was enough to measure.
    #[error("an answer ended after {tokens} of {wanted} tokens")]
    Early {
        /// What came.
        tokens: u32,
        /// What was asked for.
        wanted: u32,
    },
    /// The model did not copy.
    #[error("only {percent} % of the lines of the answer are copied")]
    NoCopy {
        /// The part that is.
        percent: u32,
    },
    /// Between the first text and the last there was no time, or streams that were to write together did not.
    #[error("the text came all at once: there is no time in which to count it")]
    AllAtOnce,
    /// Without it nothing can be counted.
    #[error("the server does not tell its usage at the end of a stream (`stream_options.include_usage`)")]
    NoUsage,
    /// What happened where.
    #[error("{scenario} at {server} in round {round}: {failure}; nothing was written")]
    During {
        /// What was measured.
        scenario: String,
        /// At whom.
        server: String,
        /// From 1.
        round: u32,
        /// What happened.
        failure: Box<Self>,
    },
    /// Somebody ended the run.
    #[error("interrupted")]
    Interrupted,
    /// A server that was not started here cannot be restarted.
    #[error("a restart needs a server that is started here: --start-a and --start-b")]
    NotOurs,
    /// The stream ended, or missed something, in the middle of an answer.
    #[error("the stream {0}")]
    Broken(&'static str),
    /// What the system says of a process cannot be read.
    #[error("process {pid}: {what}")]
    Process {
        /// Which.
        pid: u32,
        /// What is missing.
        what: &'static str,
    },
    /// This process may not open as many files as it needs.
    #[error("this process may open {may} files and needs {needs}: raise the limit with `ulimit -n {needs}`")]
    Files {
        /// What the system allows.
        may: u64,
        /// What the measurement takes.
        needs: u64,
    },
}

impl Failure {
    /// Whether all went well, and only what was measured is not what was to be measured.
    pub fn is_no_reading(&self) -> bool {
        matches!(self, Self::Early { .. } | Self::NoCopy { .. } | Self::AllAtOnce)
    }
}

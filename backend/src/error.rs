//! The one error of services and routes: what the caller may know, and the cause that only the log gets.
//!
//! The floors below have their own errors; [`convert`] turns each into an [`AppError`] once. [`status`] has the
//! HTTP status of every code. The boundary (`middleware::boundary`) writes the body and logs the cause.

mod convert;
pub mod openai;
pub mod status;

use std::fmt;
use std::panic::Location;

use shared::{ApiError, ContextOverflow, ErrorCode, FieldError};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong: a code and words for the caller, a cause and a place for the log.
#[derive(Debug)]
pub struct AppError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    body: ApiError,
    cause: Option<Cause>,
    place: &'static Location<'static>,
}

/// The result of services and routes.
pub type AppResult<T> = Result<T, AppError>;

impl AppError {
    /// An error that the caller can do something about. The message of a fault of the server (5xx) is replaced by
    /// a constant one.
    #[track_caller]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let message = match status::fault_message(code) {
            Some(constant) => constant.to_owned(),
            None => message.into(),
        };
        let mut body = ApiError::new(code, message);
        body.retry_after_s = status::retry_after_s(code);
        Self(Box::new(Inner { body, cause: None, place: Location::caller() }))
    }

    /// An error that was told before.
    #[track_caller]
    pub fn told_before(body: ApiError) -> Self {
        Self(Box::new(Inner { body, cause: None, place: Location::caller() }))
    }

    /// A fault of the server: the caller gets a constant text and the request id, the log gets the cause.
    #[track_caller]
    pub fn fault(code: ErrorCode, cause: impl Into<Cause>) -> Self {
        Self::new(code, "The request could not be served.").caused_by(cause)
    }

    /// [`ErrorCode::Internal`] with its cause.
    #[track_caller]
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::fault(ErrorCode::Internal, cause)
    }

    /// `what` does not exist, or is somebody else's: "There is no such conversation."
    #[track_caller]
    pub fn not_found(what: &str) -> Self {
        Self::new(ErrorCode::NotFound, format!("There is no such {what}."))
    }

    /// One field is out of bounds.
    #[track_caller]
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::fields(vec![FieldError { field: field.into(), message: message.into() }])
    }

    /// Fields are out of bounds. The message repeats them for clients that show nothing else.
    #[track_caller]
    pub fn fields(fields: Vec<FieldError>) -> Self {
        let list: Vec<String> =
            fields.iter().map(|field| format!("{}: {}", field.field, field.message)).collect();
        let mut error = Self::new(ErrorCode::InvalidFields, list.join("; "));
        error.0.body.fields = fields;
        error
    }

    /// Names the fields at fault.
    pub fn with_fields(mut self, fields: Vec<FieldError>) -> Self {
        self.0.body.fields = fields;
        self
    }

    /// Says when a repeat makes sense.
    pub fn with_retry_after_s(mut self, seconds: u32) -> Self {
        self.0.body.retry_after_s = Some(seconds);
        self
    }

    /// Adds the numbers of a conversation that does not fit.
    pub fn with_context(mut self, context: ContextOverflow) -> Self {
        self.0.body.context = Some(context);
        self
    }

    /// Adds what only the log may know.
    pub fn caused_by(mut self, cause: impl Into<Cause>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// What went wrong.
    pub fn code(&self) -> ErrorCode {
        self.0.body.code
    }

    /// What the caller gets, still without the request id.
    pub fn body(&self) -> &ApiError {
        &self.0.body
    }

    /// What the caller gets, as a value.
    pub fn into_body(self) -> ApiError {
        self.0.body
    }

    /// Where the error was made.
    pub fn place(&self) -> &'static Location<'static> {
        self.0.place
    }

    /// The cause and its causes, outermost first, for the log.
    pub fn cause_chain(&self) -> Option<String> {
        let outermost: &(dyn std::error::Error + 'static) = self.0.cause.as_deref()?;
        let chain: Vec<String> =
            std::iter::successors(Some(outermost), |cause| cause.source()).map(ToString::to_string).collect();
        Some(chain.join(": "))
    }
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.body.fmt(f)
    }
}

impl std::error::Error for AppError {}

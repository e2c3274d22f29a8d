//! `Prefer: wait=<seconds>` (RFC 7240, 4.3): how long a caller would wait for a model that has to be loaded.

use std::time::Duration;

use actix_web::HttpRequest;

/// The seconds; none where the caller does not say, and waits as long as it takes.
pub(super) fn wait(request: &HttpRequest) -> Option<Duration> {
    let values = request.headers().get_all("prefer").filter_map(|value| value.to_str().ok());
    let mut preferences = values.flat_map(|value| value.split([',', ';']));
    let seconds = preferences.find_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("wait")
            .then(|| value.trim().trim_matches('"').parse::<u32>().ok())?
    });
    seconds.map(|seconds| Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_seconds_are_found_among_other_preferences() {
        let wait = |value: &str| {
            wait(&TestRequest::default().insert_header(("prefer", value)).to_http_request())
                .map(|wait| wait.as_secs())
        };
        assert_eq!(wait("wait=10"), Some(10));
        assert_eq!(wait("respond-async, Wait = \"0\""), Some(0));
        assert_eq!(wait("respond-async"), None);
        assert_eq!(wait("wait=soon"), None);
        assert_eq!(wait("wait=-1"), None);
    }
}

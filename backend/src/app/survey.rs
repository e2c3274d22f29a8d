//! What whoever runs Oriel is told of the database at start, before it hurts.

use store::{CONNECTIONS_BESIDE_POOL, Store, Survey};

/// Asks the database and warns where it grants less than the servers may want.
pub async fn survey(store: &Store, pool: usize) {
    match store.survey().await {
        Ok(survey) => warnings(&survey, pool).iter().for_each(|warning| tracing::warn!("{warning}")),
        Err(error) => tracing::warn!(%error, "what the database grants is not known"),
    }
}

fn warnings(survey: &Survey, pool: usize) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(shortage) = survey.shortage(pool) {
        let (servers, granted, most) = (survey.servers, survey.granted, survey.max_connections);
        let smaller = match shortage.pool {
            ..4 => "run fewer servers".to_owned(),
            pool => format!("set DATABASE_CONNECTIONS={pool} for each"),
        };
        warnings.push(format!(
            "{servers} running with DATABASE_CONNECTIONS={pool} and {CONNECTIONS_BESIDE_POOL} beside may take {} \
             connections, and PostgreSQL grants them {granted} (max_connections is {most}; some are reserved, or the \
             role or the database has a limit). When they are used up, requests wait and answers pause. Set \
             max_connections to {} or more, or {smaller}.",
            shortage.wanted, shortage.max_connections
        ));
    }
    if !survey.speaks_english() {
        warnings.push(format!(
            "PostgreSQL tells its errors in another language (lc_messages is {}), so that a full disk and other \
             conditions that pass are not recognised. As its superuser: ALTER ROLE <Oriel's role> SET lc_messages = 'C'.",
            survey.language
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_is_told_with_what_would_do_and_a_foreign_language_too() {
        let mut survey =
            Survey { max_connections: 100, reserved: 3, granted: 97, servers: 5, language: "C".into() };
        assert_eq!(warnings(&survey, 12), Vec::<String>::new());
        let shortage = &warnings(&survey, 16)[0];
        for part in ["may take 100", "max_connections to 103", "DATABASE_CONNECTIONS=15 for each"] {
            assert!(shortage.contains(part), "{shortage}");
        }
        (survey.granted, survey.language) = (20, "de_DE.UTF-8".into());
        let [shortage, language] = warnings(&survey, 16).try_into().unwrap();
        assert!(shortage.contains("run fewer servers"), "{shortage}");
        assert!(language.contains("SET lc_messages"), "{language}");
    }
}

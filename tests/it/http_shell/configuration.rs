use std::io::Write;

use counteroffer::config::{ConfigError, reference, reference_markdown};

use super::*;

fn load(file: Option<&str>, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let mut path = tempfile::NamedTempFile::new().unwrap();
    path.write_all(file.unwrap_or_default().as_bytes()).unwrap();
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(file.map(|_| path.path()), environment)
}

fn keys_of(error: &ConfigError) -> Vec<&str> {
    error.problems().iter().map(|problem| problem.key.as_str()).collect()
}

#[test]
fn layers_override_each_other() {
    let file = "[server]\nworkers = 3\nbody_limit_bytes = 2048\n";
    let environment = [
        ("COUNTEROFFER_SERVER__WORKERS", "4"),
        ("COUNTEROFFER_SERVER__CORS_ORIGINS", "https://a.example, https://b.example"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_1,whsec_2"),
        ("STRIPE_SECRET_KEY", "sk_test_1"),
        ("DATABASE_URL", "postgres://u:p@h/d"),
        ("HOME", "/root"),
    ];
    let config = load(Some(file), &environment).unwrap();
    assert_eq!((config.server.workers, config.server.body_limit_bytes), (4, 2048));
    assert_eq!(config.server.cors_origins, ["https://a.example", "https://b.example"]);
    assert_eq!(config.stripe.webhook_secrets.len(), 2);
    let shown = format!("{config:?}");
    for secret in ["sk_test_1", "whsec_1", "u:p@h"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(load(None, &[]).unwrap().stripe.secret_key.is_none());
}

#[test]
fn what_cannot_be_used_is_named() {
    let cases: [(Option<&str>, &[(&str, &str)], &str, &str); 14] = [
        (Some("[server]\nport = 1\n"), &[], "server.port", "server.listen"),
        (Some("[sever]\nlisten = \"x\"\n"), &[], "sever.listen", "server"),
        (Some("[server]\nworkers = 1000\n"), &[], "server.workers", "0 to 256"),
        (Some("[server]\nworkers = \"many\"\n"), &[], "server.workers", "integer"),
        (Some("[server]\nlisten = \"here\"\n"), &[], "server.listen", "Address and port"),
        (Some("[log]\nformat = \"xml\"\n"), &[], "log.format", "json"),
        (None, &[("COUNTEROFFER_SERVER__PORT", "1")], "COUNTEROFFER_SERVER__PORT", "server.listen"),
        (None, &[("COUNTEROFFER_SERVER__WORKERS", "x")], "COUNTEROFFER_SERVER__WORKERS", "a whole number"),
        (
            None,
            &[("COUNTEROFFER_METRICS__ENABLED", "on")],
            "COUNTEROFFER_METRICS__ENABLED",
            "`true` or `false`",
        ),
        (None, &[("COUNTEROFFER_AUTH__HS256_SECRET", "short")], "auth.hs256_secret", "32 bytes"),
        (None, &[("COUNTEROFFER_AUTH__ALGORITHMS", "none")], "auth.algorithms", "HS256"),
        (None, &[("COUNTEROFFER_AUTH__ALGORITHMS", "RS256")], "auth.jwks_file", "RS256"),
        (None, &[("DATABASE_URL", "mysql://x")], "database.url", "sqlite:PATH"),
        (
            None,
            &[("COUNTEROFFER_SERVER__CORS_ORIGINS", "app.example.com/")],
            "server.cors_origins",
            "https://",
        ),
    ];
    for (file, environment, key, allowed) in cases {
        let error = load(file, environment).unwrap_err();
        let text = error.to_string();
        assert!(keys_of(&error)[0].starts_with(key) && text.contains(allowed), "{key}: {text}");
        assert!(!text.contains("short\""), "{text}");
    }
    assert!(load(Some("[server"), &[]).unwrap_err().to_string().contains("TOML"));
    assert!(Config::load(Some(std::path::Path::new("/no/such/file")), []).is_err());
    let both = load(Some("[server]\nworkers = 999\n[worker]\npoll_ms = 1\n"), &[]).unwrap_err();
    assert_eq!(keys_of(&both), ["server.workers", "worker.poll_ms"]);
}

#[test]
fn a_bad_secret_is_not_repeated() {
    let error = load(Some("[stripe]\nsecret_key = [\"sk_live_1\"]\n"), &[]).unwrap_err();
    assert_eq!(keys_of(&error), ["stripe.secret_key"]);
    assert!(!error.to_string().contains("sk_live_1"));
}

#[test]
fn every_key_is_documented() {
    let entries = reference();
    assert!(entries.len() > 30);
    let table = reference_markdown();
    for entry in &entries {
        assert!(entry.doc.len() > 10 && entry.doc.ends_with('.'), "{} has no comment", entry.key);
        assert!(table.contains(&format!("| `{}` |", entry.key)));
        // Each documented variable is one that is read.
        for variable in &entry.variables {
            let error = load(None, &[(variable, "\u{1}")]).err();
            let unknown = error.is_some_and(|error| error.to_string().contains("there is no such"));
            assert!(!unknown, "{variable}");
        }
    }
}

#[test]
fn a_jwks_file_that_cannot_be_used_stops_the_start() {
    for (text, wanted) in [("{", "JWKS"), ("{\"keys\": []}", "no public key")] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let path = file.path().to_str().unwrap();
        let config = config(&[("AUTH__ALGORITHMS", "RS256"), ("AUTH__JWKS_FILE", path)]);
        let error = counteroffer::http::auth::Verifier::new(&config.auth).err().unwrap();
        assert!(error.to_string().contains(wanted), "{error}");
    }
}

//! The real program as a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use super::app::{SECRET_KEY, TOKEN_SECRET, WEBHOOK_SECRET};

/// The longest that a command may take here.
const PATIENCE: Duration = Duration::from_secs(60);

/// How to start the program: with these variables and no others.
#[derive(Clone)]
pub(crate) struct Program {
    variables: Vec<(String, String)>,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Checks the exit status.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }
}

impl Program {
    /// On this database, with all that `serve` needs.
    pub(crate) fn on(database: &str) -> Self {
        let variables = [
            ("COUNTEROFFER_SERVER__LISTEN", "127.0.0.1:0"),
            ("COUNTEROFFER_SERVER__WORKERS", "1"),
            ("DATABASE_URL", database),
            // Each is a process of PostgreSQL's, started anew for every one of ours.
            ("COUNTEROFFER_DATABASE__READERS", "2"),
            ("STRIPE_SECRET_KEY", SECRET_KEY),
            ("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET),
            // Nobody listens there.
            ("COUNTEROFFER_STRIPE__API_BASE", "http://127.0.0.1:9"),
            ("COUNTEROFFER_STRIPE__REQUESTS_PER_SECOND", "10000"),
            ("COUNTEROFFER_STRIPE__REQUESTS_PER_ENDPOINT", "10000"),
            ("COUNTEROFFER_STRIPE__WRITES_PER_SUBSCRIPTION", "10000"),
            ("COUNTEROFFER_AUTH__ISSUER", "test"),
            ("COUNTEROFFER_AUTH__HS256_SECRET", TOKEN_SECRET),
        ];
        Self { variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec() }
    }

    /// With this variable set too, or set anew.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without this variable.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_counteroffer"));
        command.env_clear().envs(self.variables.iter().cloned()).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let mut child = self.command(arguments).spawn().unwrap();
        let (out, err) = (collected(child.stdout.take().unwrap()), collected(child.stderr.take().unwrap()));
        let Ok(out) = out.recv_timeout(PATIENCE) else {
            child.kill().unwrap();
            panic!("{arguments:?} does not end");
        };
        let err = err.recv_timeout(PATIENCE).unwrap();
        Ran { code: child.wait().unwrap().code(), out, err }
    }

    /// Serves, once it says where.
    pub(crate) fn serve(&self) -> Served {
        let mut child = self.command(&["serve"]).spawn().unwrap();
        let (said, lines) = mpsc::channel();
        let out = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            // Read to the end, or the process would block on a full pipe.
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let line: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
                let address = line["fields"]["address"].as_str().and_then(|text| text.parse().ok());
                address.map(|address: SocketAddr| said.send(address));
            }
        });
        let err = collected(child.stderr.take().unwrap());
        match lines.recv_timeout(PATIENCE) {
            Ok(address) => Served { child, base: format!("http://{address}") },
            Err(_) => {
                let _gone = child.kill();
                panic!("serve does not serve: {}", err.recv_timeout(PATIENCE).unwrap_or_default());
            }
        }
    }
}

fn collected(mut from: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let _broken = from.read_to_end(&mut text);
        send.send(String::from_utf8_lossy(&text).into_owned())
    });
    receive
}

/// A process that serves.
pub(crate) struct Served {
    child: Child,
    /// Where, without a trailing slash.
    pub(crate) base: String,
}

impl Served {
    /// Ends it without a warning.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        assert_eq!(self.child.wait().unwrap().signal(), Some(9));
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(asked.success());
        self.child.wait().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Ended already, unless the test failed.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

//! A database of its own for each test: SQLite always, PostgreSQL where there is one.
//!
//! PostgreSQL is the server of `DATABASE_URL`, else a throwaway cluster made of the programs found here, started once
//! for the test process and stopped when it ends. With `TEST_REQUIRE_POSTGRES=1` its absence fails.

use std::io::Write as _;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use counteroffer::store::{DatabaseUrl, Store, StoreOptions, migrate};

/// An empty database of one test.
pub(crate) struct Database {
    url: String,
    /// `sqlite` or `postgres`, for messages.
    pub(crate) name: &'static str,
    // Removed with its content when the test ends.
    _directory: Option<tempfile::TempDir>,
}

impl Database {
    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Where it is, as the store takes it.
    pub(crate) fn parsed_url(&self) -> DatabaseUrl {
        self.url.parse().unwrap()
    }

    /// Changes it by hand, past the store.
    pub(crate) fn execute(&self, sql: &str) {
        use diesel::connection::{Connection, SimpleConnection};
        match self.url.strip_prefix("sqlite:") {
            Some(path) => {
                let mut connection = diesel::sqlite::SqliteConnection::establish(path).unwrap();
                connection.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
                connection.batch_execute(sql).unwrap();
            }
            None => diesel::pg::PgConnection::establish(&self.url).unwrap().batch_execute(sql).unwrap(),
        }
    }

    /// The store on this database, migrated.
    pub(crate) async fn store(&self) -> Store {
        self.store_with(|_| {}).await
    }

    /// The store on this database, migrated, with other options.
    pub(crate) async fn store_with(&self, adjust: impl FnOnce(&mut StoreOptions)) -> Store {
        migrate(&self.parsed_url()).await.unwrap();
        let mut options = StoreOptions::new(self.parsed_url());
        options.readers = 2;
        adjust(&mut options);
        Store::open(options).await.unwrap()
    }
}

/// An empty database of every kind there is.
pub(crate) fn databases() -> Vec<Database> {
    [Some(sqlite()), postgres()].into_iter().flatten().collect()
}

/// An empty SQLite database.
pub(crate) fn sqlite() -> Database {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    Database { url: format!("sqlite:{}", path.display()), name: "sqlite", _directory: Some(directory) }
}

/// An empty PostgreSQL database, where there is a server.
pub(crate) fn postgres() -> Option<Database> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let server = SERVER.get_or_init(Server::find).as_ref()?;
    let name = format!("counteroffer_test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    server.create(&name);
    Some(Database { url: server.url(&name), name: "postgres", _directory: None })
}

/// A PostgreSQL server.
struct Server {
    /// The URL of a database from which others can be made.
    base: url::Url,
}

impl Server {
    fn find() -> Option<Self> {
        let given = std::env::var("DATABASE_URL").ok().filter(|url| url.starts_with("postgres"));
        if let Some(given) = given {
            return Some(Self { base: given.parse().expect("DATABASE_URL is no URL") });
        }
        let Some(programs) = programs() else {
            let required = std::env::var("TEST_REQUIRE_POSTGRES").is_ok_and(|value| value == "1");
            assert!(!required, "PostgreSQL is required: set DATABASE_URL or install its server programs");
            let loud = "\n!!! NO POSTGRESQL: no DATABASE_URL, and no initdb on PATH or in /usr/lib/postgresql.\n\
                        !!! Tests run on SQLite only.\n\n";
            // Written past the harness, which hides what a passing test prints.
            std::io::stderr().write_all(loud.as_bytes()).unwrap();
            return None;
        };
        Some(start(&programs))
    }

    fn url(&self, database: &str) -> String {
        let mut url = self.base.clone();
        url.set_path(database);
        url.to_string()
    }

    fn create(&self, database: &str) {
        use diesel::connection::{Connection, SimpleConnection};
        let mut connection = diesel::pg::PgConnection::establish(self.base.as_str()).unwrap();
        connection.batch_execute(&format!("CREATE DATABASE {database}")).unwrap();
    }
}

/// The folder of the newest PostgreSQL server found.
fn programs() -> Option<PathBuf> {
    let version = |folder: &Path| -> u32 {
        let name = folder.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        name.and_then(|name| name.parse().ok()).unwrap_or(0)
    };
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<_> = installed.map(|entry| entry.path().join("bin")).collect();
    folders.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Links in other folders lead to programs that look for their neighbours where they are.
    let on_path = std::env::split_paths(&path).filter_map(|folder| {
        let real = folder.join("initdb").canonicalize().ok()?;
        real.parent().map(Path::to_path_buf)
    });
    let complete = |folder: &PathBuf| folder.join("initdb").exists() && folder.join("postgres").exists();
    on_path.chain(folders).find(complete)
}

/// Starts a cluster in a folder of its own. A shell waits for this process to end, then stops the cluster and removes
/// the folder: whatever ends a test, nothing is left.
fn start(programs: &Path) -> Server {
    let folder = tempfile::Builder::new().prefix("counteroffer-pg-").tempdir().unwrap().keep();
    let port = free_port();
    // initdb and postgres refuse to run as root.
    let root = Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout.starts_with(b"0\n"));
    let become_other = if root { "setpriv --reuid=nobody --regid=nogroup --clear-groups --" } else { "" };
    let script = format!(
        r#"set -e
        cd "$folder"
        if [ -n "$become" ]; then chown nobody:nogroup "$folder"; fi
        $become "$programs/initdb" -D "$folder/data" -U tester -A trust -E UTF8 --no-sync --locale=C >"$folder/log" 2>&1
        $become "$programs/postgres" -D "$folder/data" -p {port} -k "$folder" -h 127.0.0.1 \
            -c fsync=off -c full_page_writes=off -c max_connections=400 -c shared_buffers=64MB >>"$folder/log" 2>&1 &
        server=$!
        read -r _ || true
        kill -INT $server; wait $server || true
        rm -rf "$folder""#
    );
    let shell = Command::new("sh")
        .args(["-c", &script])
        .env("folder", &folder)
        .env("programs", programs)
        .env("become", become_other)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A Ctrl-C meant for the tests would end the shell before it has tidied up.
        .process_group(0)
        .spawn()
        .expect("sh starts");
    // The pipe closes when this process ends, in whatever way.
    std::mem::forget(shell);
    let base: url::Url = format!("postgres://tester@127.0.0.1:{port}/postgres").parse().unwrap();
    wait_for(&base, &folder);
    Server { base }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[allow(clippy::disallowed_methods, reason = "nothing else runs while the cluster starts")]
fn wait_for(base: &url::Url, folder: &Path) {
    use diesel::connection::Connection;
    for _ in 0..300 {
        if diesel::pg::PgConnection::establish(base.as_str()).is_ok() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    panic!("the throwaway PostgreSQL cluster did not start:\n{log}");
}

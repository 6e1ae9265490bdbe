//! A database of its own for each test: SQLite always, PostgreSQL where there is one.
//!
//! PostgreSQL is the server of `DATABASE_URL`, else a throwaway cluster made of the programs found here, started once
//! for the test process and stopped when it ends. With `TEST_REQUIRE_POSTGRES=1` its absence fails.

use std::io::Write as _;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use counteroffer::store::{DatabaseUrl, Store, StoreOptions, migrate};
use diesel::connection::{Connection, SimpleConnection};
use diesel::pg::PgConnection;
use futures_util::FutureExt;
use futures_util::future::join_all;
use tempfile::TempDir;

/// A file system in memory, where there is one.
const MEMORY: &str = "/dev/shm";
/// What the databases of tests that run side by side, and a PostgreSQL cluster's log, need at most.
const ENOUGH_KB: u64 = 2 << 20;

/// A database of one test, gone when the test ends.
pub(crate) struct Database {
    url: String,
    /// `sqlite` or `postgres`, for messages.
    pub(crate) name: &'static str,
    _place: Place,
}

/// What is removed with a database.
enum Place {
    Folder(#[allow(dead_code, reason = "removed when dropped")] TempDir),
    Server { server: &'static Server, name: String },
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Self::Server { server, name } = self {
            // A test that fails must not fail twice, which would end all of them.
            server.try_to(&format!("DROP DATABASE {name} WITH (FORCE)")).ok();
        }
    }
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
        match self.url.strip_prefix("sqlite:") {
            Some(path) => {
                let mut connection = diesel::sqlite::SqliteConnection::establish(path).unwrap();
                connection.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
                connection.batch_execute(sql).unwrap();
            }
            None => PgConnection::establish(&self.url).unwrap().batch_execute(sql).unwrap(),
        }
    }

    /// The store on this database.
    pub(crate) async fn store(&self) -> Store {
        self.store_with(|_| {}).await
    }

    /// The store on this database, with other options.
    pub(crate) async fn store_with(&self, adjust: impl FnOnce(&mut StoreOptions)) -> Store {
        let mut options = StoreOptions::new(self.parsed_url());
        options.readers = 2;
        adjust(&mut options);
        Store::open(options).await.unwrap()
    }
}

/// A migrated database of every kind there is.
pub(crate) fn databases() -> Vec<Database> {
    [Some(sqlite()), postgres()].into_iter().flatten().collect()
}

/// A database of every kind there is, without a schema.
pub(crate) fn empty_databases() -> Vec<Database> {
    [Some(empty_sqlite()), empty_postgres()].into_iter().flatten().collect()
}

/// Plays a scenario on each of these databases, side by side.
pub(crate) async fn on_each<F: Future<Output = ()>>(
    databases: Vec<Database>,
    scenario: impl Fn(Database) -> F,
) {
    let mut all = Vec::new();
    for database in databases {
        let name = database.name;
        all.push(played(name, Box::pin(scenario(database))));
    }
    join_all(all).await;
}

/// Plays a scenario and says on which database, should it fail. Boxed, or this would be compiled anew for each.
#[allow(clippy::print_stderr, reason = "for whoever reads why a test failed")]
async fn played(name: &str, scenario: Pin<Box<dyn Future<Output = ()> + '_>>) {
    if let Err(failed) = AssertUnwindSafe(scenario).catch_unwind().await {
        eprintln!("failed on {name}");
        resume_unwind(failed);
    }
}

/// A migrated SQLite database: a copy of one.
pub(crate) fn sqlite() -> Database {
    static MIGRATED: OnceLock<Vec<u8>> = OnceLock::new();
    let migrated = MIGRATED.get_or_init(|| {
        let first = empty_sqlite();
        migrate_now(first.parsed_url());
        std::fs::read(first.url.trim_start_matches("sqlite:")).unwrap()
    });
    let copy = empty_sqlite();
    std::fs::write(copy.url.trim_start_matches("sqlite:"), migrated).unwrap();
    copy
}

/// A SQLite database without a schema.
pub(crate) fn empty_sqlite() -> Database {
    let folder = tempfile::tempdir_in(cheap_folder()).unwrap();
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    Database { url, name: "sqlite", _place: Place::Folder(folder) }
}

/// A migrated PostgreSQL database, where there is a server: a copy of one.
pub(crate) fn postgres() -> Option<Database> {
    static MIGRATED: OnceLock<String> = OnceLock::new();
    let server = server()?;
    let template = MIGRATED.get_or_init(|| {
        let first = server.create("");
        migrate_now(first.parsed_url());
        // The first to come writes a digest of the catalogue, which copies of files then have too.
        first.execute("SELECT 1");
        // Kept, for copies.
        match &std::mem::ManuallyDrop::new(first)._place {
            Place::Server { name, .. } => format!("TEMPLATE {name} {}", server.copied),
            Place::Folder(_) => unreachable!("a server's database is in no folder"),
        }
    });
    Some(server.create(template))
}

/// A PostgreSQL database without a schema, where there is a server.
pub(crate) fn empty_postgres() -> Option<Database> {
    Some(server()?.create(""))
}

/// Migrates, wherever this is called: a runtime cannot wait inside another.
fn migrate_now(url: DatabaseUrl) {
    let work = move || tokio::runtime::Runtime::new().unwrap().block_on(migrate(&url)).unwrap();
    std::thread::spawn(work).join().unwrap();
}

/// Where files cost least: in memory, where there is room, else where all temporary files go.
fn cheap_folder() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let find = || {
        let asked = Command::new("df").args(["-Pk", MEMORY]).output();
        let answer = asked.map(|said| String::from_utf8_lossy(&said.stdout).into_owned()).unwrap_or_default();
        let free = answer.lines().nth(1).and_then(|line| line.split_whitespace().nth(3)?.parse().ok());
        if free.unwrap_or(0) < ENOUGH_KB { std::env::temp_dir() } else { MEMORY.into() }
    };
    FOLDER.get_or_init(find).clone()
}

/// A PostgreSQL server.
struct Server {
    /// The URL of a database from which others can be made.
    base: url::Url,
    /// How it is to copy a database.
    copied: &'static str,
    /// Connections to that database, each of which costs more than what is asked through it.
    idle: Mutex<Vec<PgConnection>>,
}

impl Server {
    fn at(base: url::Url, copied: &'static str) -> Self {
        Self { base, copied, idle: Mutex::default() }
    }

    fn find() -> Option<Self> {
        let given = std::env::var("DATABASE_URL").ok().filter(|url| url.starts_with("postgres"));
        if let Some(given) = given {
            return Some(Self::at(given.parse().expect("DATABASE_URL is no URL"), ""));
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

    /// Makes a database, `like` saying after which.
    fn create(&'static self, like: &str) -> Database {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("counteroffer_test_{}_{number}", std::process::id());
        self.try_to(&format!("CREATE DATABASE {name} {like}")).unwrap();
        Database { url: self.url(&name), name: "postgres", _place: Place::Server { server: self, name } }
    }

    fn try_to(&self, sql: &str) -> Result<(), Box<dyn std::error::Error>> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        let mut connection = kept.map_or_else(|| PgConnection::establish(self.base.as_str()), Ok)?;
        connection.batch_execute(sql)?;
        idle().push(connection);
        Ok(())
    }
}

fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(Server::find).as_ref()
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
    let folder =
        tempfile::Builder::new().prefix("counteroffer-pg-").tempdir_in(cheap_folder()).unwrap().keep();
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
            -c fsync=off -c full_page_writes=off -c max_connections=400 -c shared_buffers=64MB \
            -c wal_level=minimal -c max_wal_senders=0 -c max_wal_size=128MB >>"$folder/log" 2>&1 &
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
    let mut connection = wait_for(&base, &folder);
    // By files, which is how older ones do it anyway: dear where they have to reach a disk, but these do not.
    let understood = "DO $$ BEGIN ASSERT current_setting('server_version_num')::int >= 150000; END $$";
    let copied = connection.batch_execute(understood).map_or("", |()| "STRATEGY FILE_COPY");
    Server::at(base, copied)
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[allow(clippy::disallowed_methods, reason = "nothing else runs while the cluster starts")]
fn wait_for(base: &url::Url, folder: &Path) -> PgConnection {
    for _ in 0..300 {
        if let Ok(connection) = PgConnection::establish(base.as_str()) {
            return connection;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    panic!("the throwaway PostgreSQL cluster did not start:\n{log}");
}

//! The README's commands, run in a shell on a database of their own.

use std::path::Path;
use std::process::Command;

use super::{README, blocks};

#[test]
fn the_commands_run() {
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_counteroffer"));
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", program.parent().unwrap().display());
    let scripts: Vec<_> = blocks::marked(README).into_iter().filter(|block| block.language == "sh").collect();
    assert!(!scripts.is_empty(), "the README shows commands");
    for script in scripts {
        let ran = Command::new("sh")
            .args(["-euc", &script.text])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env_clear()
            .env("PATH", &path)
            .env("DATABASE_URL", format!("sqlite:{}", folder.path().join("readme.db").display()))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{}\n{said}", script.text);
    }
}

//! Arguments of every command that loads a script.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::libraries;
use crate::plan::draft::{Flags, Limits};
use crate::run::prepare::ScriptSpec;
use crate::secrets::Secrets;
use crate::units;

/// Which script, where its modules are, and what its environment holds.
#[derive(Args, Debug, Clone)]
pub struct ScriptArgs {
    /// The Lua script
    #[arg(value_name = "SCRIPT.LUA")]
    pub script: PathBuf,

    /// Look for modules here too, after the script's own folder (repeatable)
    #[arg(long = "lib", value_name = "DIR", help_heading = "Script")]
    pub libs: Vec<PathBuf>,

    /// Set lt.env.NAME; a bare NAME is taken from the process's environment (repeatable)
    #[arg(long = "env", value_name = "NAME=VALUE", help_heading = "Script")]
    env: Vec<String>,

    /// How long a user may compute without waiting [default: 1s]
    #[arg(long, value_name = "D", value_parser = cpu, help_heading = "Script")]
    script_cpu_limit: Option<Duration>,

    /// How much Lua memory the users of one thread may fill [default: 256MiB]
    #[arg(long, value_name = "BYTES", value_parser = memory, help_heading = "Script")]
    script_memory_limit: Option<u64>,
}

impl ScriptArgs {
    /// What the commands prepare, with nothing redacted but `secrets`.
    pub fn spec(self, flags: Flags, secrets: Arc<Secrets>) -> anyhow::Result<ScriptSpec> {
        let env = self.env.iter().map(|given| resolve(given)).collect::<anyhow::Result<_>>()?;
        let libs = libraries::sought(self.libs, |name| std::env::var_os(name));
        let limits = Limits { cpu: self.script_cpu_limit, memory: self.script_memory_limit };
        let flags = Flags { limits, ..flags };
        Ok(ScriptSpec { script: self.script, libs, env, redact: Vec::new(), secrets, flags })
    }
}

fn cpu(text: &str) -> Result<Duration, String> {
    match units::duration(text) {
        Ok(limit) if limit < Limits::LEAST_CPU => Err("it is at least 10ms".to_owned()),
        limit => limit.map_err(|error| error.to_string()),
    }
}

fn memory(text: &str) -> Result<u64, String> {
    match units::bytes(text) {
        Ok(limit) if limit < Limits::LEAST_MEMORY => Err("it is at least 4MiB".to_owned()),
        limit => limit.map_err(|error| error.to_string()),
    }
}

fn resolve(given: &str) -> anyhow::Result<(String, String)> {
    if let Some((name, value)) = given.split_once('=') {
        anyhow::ensure!(!name.is_empty(), "--env {given}: the name before `=` is missing");
        return Ok((name.to_owned(), value.to_owned()));
    }
    match std::env::var(given) {
        Ok(value) => Ok((given.to_owned(), value)),
        Err(std::env::VarError::NotPresent) => anyhow::bail!(
            "--env {given}: no such variable in the environment\n  hint: give a value, as in --env {given}=…"
        ),
        Err(std::env::VarError::NotUnicode(_)) => {
            anyhow::bail!("--env {given}: its value in the environment is not UTF-8")
        }
    }
}

/// Parses `K=V`.
pub fn pair(given: &str) -> Result<(String, String), String> {
    match given.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_name_and_an_unset_variable_are_told() {
        assert_eq!(resolve("A=1=2").ok(), Some(("A".into(), "1=2".into())));
        assert!(resolve("=1").is_err());
        let unset = resolve("LOADTOOL_SURELY_UNSET").expect_err("it is not set");
        assert!(unset.to_string().contains("--env LOADTOOL_SURELY_UNSET=…"));
    }
}

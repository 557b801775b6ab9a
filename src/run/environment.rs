//! What is needed to repeat a run: the command, the script and the machine, as they may be told.

use std::fs;

use super::ceiling::Machine;
use super::script_text;
use crate::http::redact::Redactor;
use crate::results::summary::Environment;
use crate::secrets::STRUCK;

/// Bytes of a script that are kept.
const MOST_SOURCE: usize = 256 << 10;

/// The words of a command line, without values of `--env`, which may be anything.
pub fn command(redactor: &Redactor, words: impl Iterator<Item = String>) -> Vec<String> {
    let mut is_variable = false;
    let told = words.map(|word| {
        let own = word.strip_prefix("--env=");
        let variable = if std::mem::take(&mut is_variable) { Some(word.as_str()) } else { own };
        is_variable = word == "--env";
        match variable.and_then(|pair| pair.split_once('=')) {
            Some((name, _)) if own.is_some() => format!("--env={name}={STRUCK}"),
            Some((name, _)) => format!("{name}={STRUCK}"),
            None => redactor.source(&word),
        }
    });
    told.collect()
}

/// A script's text, cut at a line where it is long.
pub fn source(redactor: &Redactor, text: &str) -> String {
    let head = text.as_bytes().get(..MOST_SOURCE);
    let end = head.map(|head| head.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1));
    let cut = &text[..end.unwrap_or(text.len())];
    let rest = text.lines().count() - cut.lines().count();
    let note = if rest > 0 { format!("-- … and {rest} more lines\n") } else { String::new() };
    script_text::told(redactor, cut) + &note
}

/// This machine.
pub fn here() -> Environment {
    let Machine { processor, cores, system } = Machine::this();
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    Environment {
        system,
        release: release.trim().to_owned(),
        architecture: std::env::consts::ARCH.to_owned(),
        processor,
        cores: Some(cores as u64),
        memory_bytes: memory(&meminfo),
        build: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
    }
}

/// `MemTotal` [bytes].
fn memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_told_without_what_may_be_secret() {
        let words = [
            "run",
            "a.lua",
            "--env",
            "USER=ada",
            "--env=KEY=k=v",
            "--env",
            "PLAIN",
            "--proxy",
            "http://me:pw@127.0.0.1:1",
            "--vus",
            "5",
        ];
        let told = command(&Redactor::default(), words.map(str::to_owned).into_iter());
        let expected = "run a.lua --env USER=*** --env=KEY=*** --env PLAIN --proxy \
                        http://me:***@127.0.0.1:1 --vus 5";
        assert_eq!(told.join(" "), expected);
    }

    #[test]
    fn a_long_script_is_cut_between_lines() {
        let line = "-- ünïcode\n";
        let text = line.repeat(MOST_SOURCE / line.len() + 10);
        let kept = source(&Redactor::default(), &text);
        assert!(kept.len() <= MOST_SOURCE + 40 && kept.contains(" more lines"), "{}", kept.len());
        assert_eq!(source(&Redactor::default(), "a = 1\n"), "a = 1\n");
        assert_eq!(memory("MemTotal:    2048 kB\n"), Some(2 << 20));
    }
}

//! An engine's binary, running, as something that answers requests.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::Context;
use peer::{Answer, Description, Request};

/// Ends with its input, that is, when this is dropped.
pub(crate) struct PeerProcess {
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl PeerProcess {
    /// Starts the binary beside the one that runs.
    pub(crate) fn start(name: &str) -> anyhow::Result<(Self, Description)> {
        let binary = std::env::current_exe()?.with_file_name(format!("peer-{name}"));
        anyhow::ensure!(binary.exists(), "not built");
        let mut child =
            Command::new(binary).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let requests = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().context("it has no output")?);
        let mut process = Self { child, requests, answers };
        match process.hear()? {
            Answer::Described(description) => Ok((process, description)),
            other => anyhow::bail!("it does not say who it is: {other:?}"),
        }
    }

    /// One round: how many microseconds it took.
    pub(crate) fn round(&mut self, request: &Request) -> anyhow::Result<f64> {
        let requests = self.requests.as_mut().context("it has no input")?;
        writeln!(requests, "{}", serde_json::to_string(request)?)?;
        requests.flush()?;
        match self.hear()? {
            Answer::Round { micros } => Ok(micros),
            Answer::Failed { reason } => anyhow::bail!(reason),
            Answer::Described(_) => anyhow::bail!("it says again who it is"),
        }
    }

    fn hear(&mut self) -> anyhow::Result<Answer> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        anyhow::ensure!(!line.is_empty(), "it ended");
        serde_json::from_str(&line).with_context(|| format!("no answer: {line}"))
    }
}

impl Drop for PeerProcess {
    fn drop(&mut self) {
        drop(self.requests.take());
        // Nothing is left to do about one that does not end well.
        let _ = self.child.wait();
    }
}

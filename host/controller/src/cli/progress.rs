use std::{collections::BTreeMap, ops::ControlFlow, time::Duration};

use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressStyle};
use thymis_core::id::InputName;

use crate::git::FetchProgress;

/// A line that shows that something takes time; nothing where standard error is no terminal.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self::of(ProgressBar::new_spinner(), message)
    }

    fn of(bar: ProgressBar, message: impl Into<String>) -> Self {
        let bar = bar.with_message(message.into());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    pub(super) fn now(&self, message: String) {
        self.0.set_message(message);
    }

    pub(super) fn fetched(&self, name: &str, progress: FetchProgress) -> ControlFlow<()> {
        let bytes = HumanBytes(progress.bytes);
        self.0.set_message(format!(
            "Fetching {name}: {} of {} objects, {bytes}",
            progress.objects, progress.total_objects
        ));
        ControlFlow::Continue(())
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A line for each of several fetches at once.
pub(super) struct Fetches {
    all: MultiProgress,
    lines: BTreeMap<InputName, Progress>,
}

impl Fetches {
    pub(super) fn new(names: &[InputName]) -> Self {
        let all = MultiProgress::new();
        let line = |name: &InputName| {
            (name.clone(), Progress::of(all.add(ProgressBar::new_spinner()), format!("Fetching {name}")))
        };
        let lines = names.iter().map(line).collect();
        Self { all, lines }
    }

    pub(super) fn fetched(&self, name: &InputName, progress: FetchProgress) -> ControlFlow<()> {
        self.lines.get(name).map_or(ControlFlow::Continue(()), |line| line.fetched(name.as_str(), progress))
    }

    pub(super) fn done(&self, name: &InputName) {
        if let Some(line) = self.lines.get(name) {
            line.0.finish_and_clear();
        }
    }

    /// Prints something above the lines.
    pub(super) fn quietly(&self, print: impl FnOnce()) {
        self.all.suspend(print);
    }
}

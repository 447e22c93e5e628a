use std::{ops::ControlFlow, time::Duration};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::git::FetchProgress;

/// A line that shows that something takes time; nothing where standard error is no terminal.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(message: impl Into<String>) -> Self {
        let bar = ProgressBar::new_spinner().with_message(message.into());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    pub(super) fn fetched(&self, name: &str, progress: FetchProgress) -> ControlFlow<()> {
        let bytes = HumanBytes(progress.bytes as u64);
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

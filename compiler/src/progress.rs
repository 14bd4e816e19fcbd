//! Progress bars on standard error: for anything over a second, and only where a person looks.

use std::borrow::Cow;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Draws bars, or swallows them.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    visible: bool,
}

impl Progress {
    /// Bars on standard error; indicatif hides them when it is not a terminal.
    pub fn visible() -> Self {
        Self { visible: true }
    }

    /// No bars.
    pub fn hidden() -> Self {
        Self { visible: false }
    }

    /// A bar over `total` steps with the time left.
    pub fn bar(&self, label: impl Into<Cow<'static, str>>, total: u64) -> ProgressBar {
        self.styled(
            label,
            total,
            "{prefix:>15} {bar:24.cyan/dim} {percent:>3} %  {eta:>4} left  {msg}",
        )
    }

    /// A bar over `total` bytes.
    pub fn bytes(&self, label: impl Into<Cow<'static, str>>, total: u64) -> ProgressBar {
        self.styled(
            label,
            total,
            "{prefix:>27} {bar:16.cyan/dim} {bytes:>10} of {total_bytes}  {eta:>4} left",
        )
    }

    fn styled(
        &self,
        label: impl Into<Cow<'static, str>>,
        total: u64,
        template: &str,
    ) -> ProgressBar {
        let target = if self.visible {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let style = ProgressStyle::with_template(template).expect("a constant template");
        ProgressBar::with_draw_target(Some(total), target)
            .with_style(style.progress_chars("━╸─"))
            .with_prefix(label)
    }
}

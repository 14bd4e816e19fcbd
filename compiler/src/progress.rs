//! Progress bars on standard error: for anything over a second, and only where a person looks.

use std::borrow::Cow;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

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

    /// Several lines at a time.
    pub fn lines(&self) -> Lines {
        Lines {
            all: MultiProgress::with_draw_target(self.target()),
        }
    }

    fn target(&self) -> ProgressDrawTarget {
        if self.visible {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        }
    }

    fn styled(
        &self,
        label: impl Into<Cow<'static, str>>,
        total: u64,
        template: &str,
    ) -> ProgressBar {
        ProgressBar::with_draw_target(Some(total), self.target())
            .with_style(style(template))
            .with_prefix(label)
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).expect("a constant template");
    style.progress_chars("━╸─")
}

/// Lines that stay where they are while others change.
#[derive(Debug)]
pub struct Lines {
    all: MultiProgress,
}

impl Lines {
    /// Another line: a bar over `total` steps.
    pub fn bar(&self, label: impl Into<Cow<'static, str>>, total: u64) -> ProgressBar {
        let template = "{prefix:>28} {bar:20.cyan/dim} {elapsed:>4}  {eta:>4} to go  {msg}";
        self.line(label, template, total)
    }

    /// Another line: words alone.
    pub fn text(&self, label: impl Into<Cow<'static, str>>) -> ProgressBar {
        self.line(label, "{prefix:>28} {msg}", 1)
    }

    /// Ends a bar: it stays, without a time to go.
    pub fn finish(&self, bar: &ProgressBar, message: String) {
        bar.set_style(style(
            "{prefix:>28} {bar:20.cyan/dim} {elapsed:>4}              {msg}",
        ));
        bar.finish_with_message(message);
    }

    /// Another line: work without a known end.
    pub fn spinner(&self, label: impl Into<Cow<'static, str>>) -> ProgressBar {
        self.line(label, "{prefix:>28} {spinner} {elapsed:>4}  {msg}", 1)
    }

    /// Takes all lines away.
    pub fn clear(&self) {
        // Nothing is lost if the terminal is gone.
        let _ = self.all.clear();
    }

    fn line(&self, label: impl Into<Cow<'static, str>>, template: &str, total: u64) -> ProgressBar {
        let bar = ProgressBar::new(total).with_style(style(template));
        self.all.add(bar.with_prefix(label))
    }
}

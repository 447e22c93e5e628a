use anstyle::{AnsiColor, Style};
use thymis_core::option::Class;

pub(super) const RESET: anstyle::Reset = anstyle::Reset;
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const WARN: Style = AnsiColor::Yellow.on_default();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const BOLD: Style = Style::new().bold();

/// The colour of a risk.
pub(super) fn of_class(class: Class) -> Style {
    match class {
        Class::WholeDevice | Class::Root => BAD,
        Class::Accounts | Class::Network | Class::Hardware => WARN,
        Class::Harmless => GOOD,
    }
}

use super::{Place, Type, Value, scalars::expected};
use crate::{Expr, Json, Problem, Problems};

/// When a unit runs, in the form that Thymis stores: an object with `timer_type` and the keys below.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SystemdTimer {
    pub kind: TimerKind,
    /// Calendar expressions, such as `*-*-* 06:00:00`.
    pub on_calendar: Vec<String>,
    /// Run at once what was missed while the device was off.
    pub persistent: Option<bool>,
    /// Time spans, such as `5min`.
    pub on_boot_sec: Option<String>,
    pub on_startup_sec: Option<String>,
    pub on_active_sec: Option<String>,
    pub on_unit_active_sec: Option<String>,
    pub on_unit_inactive_sec: Option<String>,
    pub accuracy_sec: Option<String>,
    pub randomized_delay_sec: Option<String>,
}

/// Which of the parts count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TimerKind {
    /// `on_calendar`
    Realtime,
    /// The time spans since boot or the last run.
    Monotonic,
    /// No timer: the unit runs all the time.
    #[default]
    Continuous,
}

impl SystemdTimer {
    /// The value of `systemd.timers.<name>.timerConfig`, with the parts that count for this kind; `None` where nothing
    /// starts the unit, which then runs all the time.
    #[must_use]
    pub fn config(&self) -> Option<Expr> {
        let mut attributes: Vec<(&str, Expr)> = Vec::new();
        match self.kind {
            TimerKind::Continuous => {}
            TimerKind::Realtime => {
                let calendar: Vec<_> = self.on_calendar.iter().filter(|entry| !entry.trim().is_empty()).collect();
                if !calendar.is_empty() {
                    attributes.push(("OnCalendar", Expr::list(calendar)));
                    // What is false is what systemd does anyway.
                    attributes.extend(self.persistent.filter(|on| *on).map(|on| ("Persistent", on.into())));
                }
            }
            TimerKind::Monotonic => attributes.extend(present([
                ("OnBootSec", &self.on_boot_sec),
                ("OnStartupSec", &self.on_startup_sec),
                ("OnActiveSec", &self.on_active_sec),
                ("OnUnitActiveSec", &self.on_unit_active_sec),
                ("OnUnitInactiveSec", &self.on_unit_inactive_sec),
            ])),
        }
        if attributes.is_empty() {
            return None;
        }
        attributes
            .extend(present([("AccuracySec", &self.accuracy_sec), ("RandomizedDelaySec", &self.randomized_delay_sec)]));
        Some(Expr::attrs(attributes))
    }

    fn spans(&self) -> [(&'static str, &Option<String>); 7] {
        [
            ("on_boot_sec", &self.on_boot_sec),
            ("on_startup_sec", &self.on_startup_sec),
            ("on_active_sec", &self.on_active_sec),
            ("on_unit_active_sec", &self.on_unit_active_sec),
            ("on_unit_inactive_sec", &self.on_unit_inactive_sec),
            ("accuracy_sec", &self.accuracy_sec),
            ("randomized_delay_sec", &self.randomized_delay_sec),
        ]
    }
}

/// Those that are not blank.
fn present<const N: usize>(spans: [(&'static str, &Option<String>); N]) -> impl Iterator<Item = (&'static str, Expr)> {
    let filled = |(name, span): (_, &Option<String>)| {
        span.as_deref().map(str::trim).filter(|span| !span.is_empty()).map(|span| (name, Expr::from(span)))
    };
    spans.map(filled).into_iter().flatten()
}

impl Value for SystemdTimer {
    fn type_() -> Type {
        Type::scalar("systemd-timer")
    }

    fn read(json: &Json, at: &Place<'_>, problems: &mut Problems) -> Option<Self> {
        let Json::Object(timer) = json else {
            problems.push(Problem::at(at.pointer(), "must be a timer: an object with `timer_type`"));
            return None;
        };
        let mut span = |key: &str| match timer.get(key) {
            Some(value) => String::read(value, &at.key(key), problems).map(Some),
            None => Some(None),
        };
        let (on_boot_sec, on_startup_sec, on_active_sec) =
            (span("on_boot_sec"), span("on_startup_sec"), span("on_active_sec"));
        let (on_unit_active_sec, on_unit_inactive_sec) = (span("on_unit_active_sec"), span("on_unit_inactive_sec"));
        let (accuracy_sec, randomized_delay_sec) = (span("accuracy_sec"), span("randomized_delay_sec"));
        let kind = match timer.get("timer_type").and_then(Json::as_str) {
            Some("realtime") => Some(TimerKind::Realtime),
            Some("monotonic") => Some(TimerKind::Monotonic),
            Some("continuous") => Some(TimerKind::Continuous),
            _ => None,
        };
        let kinds = "one of \"realtime\", \"monotonic\", \"continuous\"";
        let kind = expected(kind, kinds, &at.key("timer_type"), problems);
        let on_calendar = match timer.get("on_calendar") {
            Some(list) => Vec::read(list, &at.key("on_calendar"), problems),
            None => Some(Vec::new()),
        };
        let persistent = match timer.get("persistent") {
            Some(value) => bool::read(value, &at.key("persistent"), problems).map(Some),
            None => Some(None),
        };
        Some(Self {
            kind: kind?,
            on_calendar: on_calendar?,
            persistent: persistent?,
            on_boot_sec: on_boot_sec?,
            on_startup_sec: on_startup_sec?,
            on_active_sec: on_active_sec?,
            on_unit_active_sec: on_unit_active_sec?,
            on_unit_inactive_sec: on_unit_inactive_sec?,
            accuracy_sec: accuracy_sec?,
            randomized_delay_sec: randomized_delay_sec?,
        })
    }

    fn write(&self) -> Json {
        let kind = match self.kind {
            TimerKind::Realtime => "realtime",
            TimerKind::Monotonic => "monotonic",
            TimerKind::Continuous => "continuous",
        };
        let mut timer = serde_json::Map::new();
        timer.insert("timer_type".to_owned(), kind.into());
        if !self.on_calendar.is_empty() {
            timer.insert("on_calendar".to_owned(), self.on_calendar.write());
        }
        if let Some(persistent) = self.persistent {
            timer.insert("persistent".to_owned(), persistent.into());
        }
        for (key, span) in self.spans() {
            if let Some(span) = span {
                timer.insert(key.to_owned(), span.as_str().into());
            }
        }
        timer.into()
    }
}

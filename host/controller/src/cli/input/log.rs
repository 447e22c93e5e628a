use serde_json::json;
use thymis_core::{consent::Action, digest::Digest, id::InputName, untrusted};

use crate::cli::{
    Answer, Context,
    style::{BOLD, DIM, RESET},
};

#[derive(Debug, thiserror::Error)]
#[error("the log has no line {0}: it was cut off, or written anew")]
struct Cut(Digest);

pub(super) fn log(context: &Context, name: Option<&InputName>, contains: Option<&Digest>) -> Answer {
    let log = context.project()?.consent()?;
    if let Some(line) = contains.filter(|line| !log.contains(line)) {
        return Err(Cut(*line).into());
    }
    let (mut called, mut records) = (name, Vec::new());
    for (line, record) in log.records().rev() {
        if let Action::Renamed { to } = &record.action
            && Some(to) == called
        {
            // What comes before happened under the earlier name.
            called = Some(&record.input);
        }
        if called.is_none_or(|name| record.input == *name) {
            records.push((line, record));
        }
    }
    records.reverse();
    let lines: Vec<_> = records.iter().map(|(line, record)| json!({ "line": line, "record": record })).collect();
    if context.json(&json!({ "records": lines, "head": log.head() }))? {
        return Ok(());
    }
    if records.is_empty() {
        anstream::println!("Nothing was done yet");
    }
    for (_, record) in &records {
        let revision = record.revision.map(|revision| revision.short()).unwrap_or_default();
        let grant = record.grant.map(|grant| format!(", grant {grant}")).unwrap_or_default();
        let (at, who) = (moment(record.at), untrusted::short(record.who.as_str()));
        anstream::println!("{at}  {BOLD}{}{RESET} {} {revision}{grant}", record.input, word(&record.action));
        anstream::println!("  {DIM}by {who}{}{RESET}", record.url.as_deref().map(url).unwrap_or_default());
    }
    if let Some(head) = log.head() {
        anstream::println!("The chain is whole. Its end: {head}");
    }
    Ok(())
}

fn url(url: &str) -> String {
    format!(", from {}", untrusted::line(url))
}

fn word(action: &Action) -> String {
    match action {
        Action::Added => "added at".to_owned(),
        Action::Accepted => "accepted at".to_owned(),
        Action::Updated => "updated to".to_owned(),
        Action::Withdrawn => "update dismissed:".to_owned(),
        Action::Held => "pinned at".to_owned(),
        Action::Released => "unpinned at".to_owned(),
        Action::RolledBack => "rolled back to".to_owned(),
        Action::Renamed { to } => format!("renamed to {to} at"),
        Action::Removed => "removed at".to_owned(),
        Action::Revoked { reason } => format!("revoked ({}) at", untrusted::short(reason)),
    }
}

/// A time in UTC, to the second, by the calendar that ISO 8601 names.
pub(super) fn moment(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01, in eras of 400 years: leap days are at the end of the years then.
    let days = days.saturating_add(719_468);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(moment(seconds), text);
        }
    }
}

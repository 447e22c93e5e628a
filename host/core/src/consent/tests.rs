use proptest::prelude::*;

use super::*;
use crate::{
    digest::{Digest, NarHash, Revision},
    grant::Pin,
    id::InputName,
};

const URL: &str = "git+https://example.org/x";

fn input(name: &str) -> InputName {
    name.parse().unwrap()
}

fn pin(revision: u8) -> Pin {
    Pin {
        url: URL.to_owned(),
        revision: Revision::from_bytes([revision; 20]),
        nar_hash: NarHash::from_bytes([revision; 32]),
        last_modified: 1,
        inputs: Default::default(),
    }
}

fn grant(number: u8) -> Digest {
    Digest::of(&[number])
}

fn record(action: Action, name: &str) -> Record {
    Record::new(1_700_000_000, Who::new("ann@example.org"), action, input(name))
}

/// What, to which input, at which revision and grant.
type Row<'a> = (Action, &'a str, Option<(u8, Option<u8>)>);

fn log(records: &[Row<'_>]) -> Log {
    let mut log = Log::default();
    for (action, name, at) in records {
        let record = record(action.clone(), name);
        let record = match at {
            Some((revision, number)) => record.of(&pin(*revision), number.map(grant)),
            None => record,
        };
        log.append(record).unwrap();
    }
    log
}

fn revoked() -> Action {
    Action::Revoked { reason: "bad".to_owned() }
}

fn refused(text: &str) -> String {
    Log::parse(text.as_bytes()).unwrap_err().to_string()
}

fn lines(log: &Log) -> Vec<Vec<u8>> {
    log.bytes().split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

#[test]
fn a_record_is_one_line_with_the_digest_of_the_line_before() {
    let rename = Action::Renamed { to: input("y") };
    let log = log(&[(Action::Accepted, "x", Some((1, Some(1)))), (rename, "x", None), (revoked(), "y", None)]);
    insta::assert_snapshot!(String::from_utf8(log.bytes().to_vec()).unwrap(), @r#"
    {"version":1,"at":1700000000,"who":"ann@example.org","action":"accepted","input":"x","url":"git+https://example.org/x","revision":"0101010101010101010101010101010101010101","nar-hash":"sha256-AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=","grant":"sha256:4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a"}
    {"version":1,"previous":"sha256:52f0d951b62670e4ff977761d014c2c42914f27f2094c90eed78ff3642234fc7","at":1700000000,"who":"ann@example.org","action":{"renamed":{"to":"y"}},"input":"x"}
    {"version":1,"previous":"sha256:4aa03e315912908ac192e3f250ed74722eaee8a5de72d14d1b87bbf56df96209","at":1700000000,"who":"ann@example.org","action":{"revoked":{"reason":"bad"}},"input":"y"}
    "#);
    let first = log.bytes().split(|byte| *byte == b'\n').next().unwrap();
    assert_eq!(log.records().nth(1).unwrap().1.previous(), Some(Digest::of(first)));
    assert!(log.contains(&Digest::of(first)) && !log.contains(&grant(1)));
    assert_eq!(Log::parse(log.bytes()), Ok(log));
    assert_eq!(Log::parse(b""), Ok(Log::default()));
}

#[test]
fn refusals_name_line_and_way_out() {
    let log = log(&[(Action::Added, "x", None), (Action::Held, "x", None)]);
    let text = String::from_utf8(log.bytes().to_vec()).unwrap();
    insta::assert_snapshot!(refused(&text.replace("ann", "eve")), @"consent.jsonl, line 2: the line before it isn't the one that it was written after: lines were changed, removed or moved; restore the file from git");
    insta::assert_snapshot!(refused(text.trim_end()), @"consent.jsonl, line 2: the line ends too early: it was cut off; restore the file from git");
    insta::assert_snapshot!(refused(&text[..text.len() - 9]), @"consent.jsonl, line 2: the line ends too early: it was cut off; restore the file from git");
    insta::assert_snapshot!(refused(&format!("{text}\n")), @"consent.jsonl, line 3: the line ends too early: it was cut off; restore the file from git");
    insta::assert_snapshot!(refused(&format!("{text}<<<<<<< HEAD\n")), @"consent.jsonl, line 3: there are conflict markers of a git merge: keep the lines of one side, the other's can't follow them");
    insta::assert_snapshot!(refused("{\"version\":2,\"new\":1}\n"), @"consent.jsonl, line 1: the record has version 2, this Thymis knows version 1: update Thymis");
    insta::assert_snapshot!(refused("{\"version\":1,\"new\":1}\n"), @"consent.jsonl, line 1: this is no record: column 18: unknown field `new`, expected one of `version`, `previous`, `at`, `who`, `action`, `input`, `url`, `revision`, `nar-hash`, `grant`; restore the file from git");
    insta::assert_snapshot!(refused("[]\n"), @"consent.jsonl, line 1: this is no record: column 2: invalid length 0, expected struct Record with 10 elements; restore the file from git");
    insta::assert_snapshot!(refused(&text.replace("ann", "a\\u001bb")), @"consent.jsonl, line 1: this is no record: column 57: `who` must be one line of at most 256 bytes without control characters; restore the file from git");
    insta::assert_snapshot!(refused(&format!("\"{}\"\n", "x".repeat(MAX_LINE))), @"consent.jsonl, line 1: the line is 16386 bytes long, 16384 are allowed");
    insta::assert_snapshot!(refused(&"\n".repeat(MAX_BYTES + 1)), @"consent.jsonl is 67108865 bytes long, 67108864 are allowed: keep it under another name, and a new one is begun");
    assert!(Log::parse(b"\xff\n").is_err());
}

#[test]
fn a_record_that_is_too_long_is_not_added() {
    let mut log = log(&[(Action::Added, "x", None)]);
    let before = log.clone();
    let refused = log.append(record(Action::Revoked { reason: "x".repeat(MAX_LINE) }, "x")).unwrap_err();
    assert!(refused.to_string().starts_with("consent.jsonl, line 2: the line is "), "{refused}");
    assert_eq!(log, before);
}

#[test]
fn who_is_one_plain_short_line() {
    assert_eq!(Who::new("a\u{1b}[31m\nb").as_str(), "a\\u{1b}[31m\\nb");
    for name in ["\u{202e}".repeat(MAX_WHO), "é".repeat(MAX_WHO), "x".repeat(MAX_WHO), String::new()] {
        let who = Who::new(&name);
        assert_eq!(Who::try_from(who.as_str().to_owned()), Ok(who));
    }
    assert_eq!(Who::new(&"x".repeat(MAX_WHO)).as_str(), "x".repeat(MAX_WHO));
}

#[test]
fn terms_are_accepted_for_one_url_until_they_are_revoked() {
    let is = |records: &[Row<'_>]| log(records).accepted(URL, &grant(1));
    let at = Some((1, Some(1)));
    assert!(is(&[(Action::Accepted, "x", at)]));
    assert!(is(&[(Action::Updated, "x", at), (Action::Removed, "x", None)]));
    for action in [Action::Added, Action::Withdrawn, Action::RolledBack, Action::Held, revoked()] {
        assert!(!is(&[(action, "x", at)]));
    }
    assert!(!is(&[(Action::Accepted, "x", Some((1, Some(2))))]));
    assert!(!is(&[(Action::Accepted, "x", at), (revoked(), "x", at)]));
    assert!(is(&[(revoked(), "x", at), (Action::Accepted, "x", at)]));
    let log = log(&[(Action::Accepted, "x", at)]);
    assert!(!log.accepted("git+https://evil.example/x", &grant(1)));
}

#[test]
fn the_history_of_an_input_follows_its_names() {
    let rename = |to: &str| Action::Renamed { to: input(to) };
    let log = log(&[
        // Another input, which was called the same.
        (Action::Accepted, "x", Some((9, Some(9)))),
        (Action::Removed, "x", None),
        (Action::Added, "x", Some((1, None))),
        (Action::Accepted, "x", Some((1, Some(1)))),
        (Action::Added, "z", Some((7, None))),
        (Action::Withdrawn, "x", Some((5, Some(5)))),
        (rename("y"), "x", None),
        (Action::Added, "x", Some((8, None))),
        (Action::Updated, "y", Some((2, Some(2)))),
        (Action::Held, "y", Some((2, Some(2)))),
        (Action::RolledBack, "y", Some((1, Some(1)))),
        (rename("w"), "y", None),
    ]);
    let history =
        |name: &str| -> Vec<_> { log.history(&input(name)).iter().map(|past| (past.revision, past.grant)).collect() };
    let at = |revision, number: Option<u8>| (pin(revision).revision, number.map(grant));
    assert_eq!(history("w"), [at(1, Some(1))]);
    assert_eq!(history("x"), [at(8, None)]);
    assert_eq!(history("z"), [at(7, None)]);
    assert_eq!((history("y"), history("unknown")), (vec![], vec![]));
}

#[test]
fn a_revision_that_is_pinned_anew_without_its_grant_is_told_twice() {
    let log = log(&[(Action::Accepted, "x", Some((1, Some(1)))), (Action::Added, "x", Some((1, None)))]);
    assert_eq!(log.history(&input("x")).iter().map(|past| past.grant).collect::<Vec<_>>(), [Some(grant(1)), None]);
}

#[test]
fn many_records_are_read_and_their_number_is_bounded() {
    let mut log = Log::default();
    for _ in 0..MAX_LINES {
        log.append(record(Action::Held, "x")).unwrap();
    }
    assert_eq!(log.append(record(Action::Held, "x")), Err(LogError::TooMany));
    // All lines before the one too many were read.
    let longer = [log.bytes(), b"\n"].concat();
    assert_eq!(Log::parse(&longer), Err(LogError::TooMany));
}

fn any_record() -> impl Strategy<Value = Record> {
    let action = prop_oneof![
        Just(Action::Added),
        Just(Action::Accepted),
        "[a-z]{1,4}x".prop_map(|to| Action::Renamed { to: input(&to) }),
        ".{0,40}".prop_map(|reason| Action::Revoked { reason }),
    ];
    (any::<u64>(), ".{0,40}", action, "[a-z]{1,4}x", any::<Option<u8>>()).prop_map(|(at, who, action, name, number)| {
        let record = Record::new(at, Who::new(&who), action, input(&name));
        if let Some(number) = number { record.of(&pin(number), Some(grant(number))) } else { record }
    })
}

fn any_log() -> impl Strategy<Value = Log> {
    proptest::collection::vec(any_record(), 3..8).prop_map(|records| {
        let mut log = Log::default();
        for record in records {
            log.append(record).unwrap();
        }
        log
    })
}

proptest! {
    #[test]
    fn what_is_appended_is_read_back_and_keeps_what_was_there(log in any_log(), record in any_record()) {
        let mut longer = log.clone();
        let digest = longer.append(record).unwrap();
        prop_assert!(longer.bytes().starts_with(log.bytes()));
        prop_assert_eq!(longer.head(), Some(digest));
        prop_assert!(log.records().all(|(line, _)| longer.contains(&line)));
        prop_assert_eq!(Log::parse(longer.bytes()), Ok(longer));
    }

    #[test]
    fn a_changed_line_but_the_last_is_found(
        log in any_log(), line in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut lines = lines(&log);
        let line = line.index(lines.len() - 1);
        let at = at.index(lines[line].len());
        prop_assume!(lines[line][at] != byte);
        lines[line][at] = byte;
        prop_assert!(Log::parse(&lines.concat()).is_err());
    }

    #[test]
    fn a_removed_swapped_or_inserted_line_is_found(
        log in any_log(), one in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(), record in any_record(),
    ) {
        let lines = lines(&log);
        let (one, other) = (one.index(lines.len() - 1), other.index(lines.len()));
        let mut changed = lines.clone();
        changed.remove(one);
        prop_assert!(Log::parse(&changed.concat()).is_err());

        if one != other {
            let mut changed = lines.clone();
            changed.swap(one, other);
            prop_assert!(Log::parse(&changed.concat()).is_err());
        }
        // A forger's record knows the line that it stands after.
        let mut forged = Log::parse(&lines[..one].concat()).unwrap();
        forged.append(record).unwrap();
        let changed = [forged.bytes(), &lines[one..].concat()].concat();
        prop_assert!(Log::parse(&changed).is_err());
        let mut changed = lines.clone();
        changed.insert(one, lines[other].clone());
        prop_assert!(Log::parse(&changed.concat()).is_err());
    }
}

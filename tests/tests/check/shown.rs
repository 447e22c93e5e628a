use super::stage::{Stage, nix, picky};

#[test]
fn the_option_comes_first_and_the_trace_last_and_folded() {
    let stage = Stage::new();
    stage.device("fine", &[picky(1)]);
    stage.device(
        "lobby",
        &[nix(r#"some.value = throw "one\ntwo${builtins.fromJSON "\"\\u001b[31m\\u202e\\u0007\""}";"#)],
    );
    if Stage::is_real() {
        stage.device("wrong", &[picky(7)]);
    }
    stage.generate();
    let output = stage.world.thymis(&["check"]);
    assert_eq!(output.code, 1);
    assert!(!output.stdout.contains(|c: char| c.is_control() && c != '\n' || c == '\u{202e}'), "{:?}", output.stdout);
    let lines: Vec<&str> = output.stdout.lines().collect();
    let at = |line: &str| {
        lines.iter().position(|one| *one == line).unwrap_or_else(|| panic!("no {line:?} in\n{}", output.stdout))
    };
    let (head, one) = (at("lobby refuses itself"), at("  one"));
    assert!(head < one && lines[one + 1].starts_with("  two"), "{lines:#?}");
    // What a device needs to know stands before how Nix came there.
    let rest = &lines[one + 2..];
    let traced: Vec<&&str> = rest.iter().take_while(|line| line.starts_with("    ")).collect();
    assert_eq!(traced.len(), 4, "{lines:#?}");
    assert!(
        traced[3].starts_with("    and ") && traced[3].ends_with(" more lines; --verbose shows all"),
        "{traced:#?}"
    );
    let all = stage.world.thymis(&["check", "--verbose"]).stdout;
    assert!(all.lines().filter(|line| line.starts_with("    ")).count() > 6 && !all.contains("--verbose"), "{all}");

    if Stage::is_real() {
        let head = at("wrong sets an option wrongly");
        assert_eq!(
            lines[head + 1..head + 4],
            [
                "  option   services.picky.picky.level",
                "  defined  hosts/wrong.nix: picky/picky",
                "  setting  /level = 7 of picky/picky",
            ]
        );
        assert!(lines[head + 4].starts_with("  A definition for option `services.picky.picky.level"), "{lines:#?}");
    }
    let (good, devices) = (1, 2 + usize::from(Stage::is_real()));
    assert!(
        lines.last().unwrap().starts_with(&format!("{good} of {devices} configurations can be evaluated")),
        "{lines:#?}"
    );
    assert!(
        output.stderr.contains(&format!("{} of {devices} configurations can't be evaluated", devices - good)),
        "{}",
        output.stderr
    );
}

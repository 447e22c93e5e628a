use std::{process::Stdio, thread, time::Duration, time::Instant};

use thymis_tests::Program;

use super::*;

const CONFIGURATIONS: usize = 200;
const KILLS: u32 = 50;

/// Gives every configuration a file that differs from those of all other rounds.
fn edit_all(world: &World, round: u32) {
    for index in 0..CONFIGURATIONS {
        let modules = json!([
            { "module": "temperature/temperature-logger", "settings": { "interval": round + 1 } },
            { "module": "web/web-app", "settings": { "port": 1000 + index } },
        ]);
        let state = json!({ "display-name": format!("{round}"), "modules": modules }).to_string();
        world.write(&format!("state/configurations/host-{index}.json"), state);
    }
    // Some come and go.
    let extra = world.project().join("state/configurations/extra.json");
    if round.is_multiple_of(2) { fs::write(extra, "{}").unwrap() } else { fs::remove_file(extra).unwrap() }
}

fn draft(world: &World) -> String {
    world.git(&["rev-parse", "refs/thymis/draft^{tree}"])
}

/// Whether the generated files of the work tree are those of the draft.
fn is_in_place(world: &World) -> bool {
    let tree = world.git(&["ls-tree", "-r", "refs/thymis/draft", "--", "hosts", "tags", "hosts.json", "flake.nix"]);
    let entries: Vec<(&str, &str)> = tree
        .lines()
        .map(|line| line.split_once('\t').unwrap())
        .map(|(entry, path)| (entry.rsplit(' ').next().unwrap(), path))
        .collect();
    let same = entries.iter().all(|(oid, path)| {
        let bytes = fs::read(world.project().join(path)).ok();
        let now = bytes.and_then(|bytes| git2::Oid::hash_object(git2::ObjectType::Blob, &bytes).ok());
        now.is_some_and(|now| now.to_string() == **oid)
    });
    let hosts = entries.iter().filter(|(_, path)| path.starts_with("hosts/")).count();
    same && fs::read_dir(world.project().join("hosts")).unwrap().count() == hosts
}

#[test]
fn at_random_moments_leaves_the_old_tree_or_the_new_one() {
    let world = World::with_inputs();
    edit_all(&world, 0);
    world.thymis(&["generate"]).done();
    edit_all(&world, 1);
    let start = Instant::now();
    world.thymis(&["generate"]).done();
    let whole = start.elapsed();

    // Any sequence will do: what is random is the moment that it comes to.
    let mut random = 42_u64;
    let (mut unfinished, mut new, mut behind) = (0, 0, 0);
    for round in 2..2 + KILLS {
        edit_all(&world, round);
        let old = draft(&world);
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let share = f64::from(u32::try_from(random >> 33).unwrap()) / f64::from(1_u32 << 31);
        // Every other one towards the end, where the ref moves and files are put in place.
        let share = if round.is_multiple_of(2) { share } else { 0.7 + 0.4 * share };
        let moment = whole.mul_f64(share);
        let mut child = Program::command(&world.home())
            .args(["generate", "--project"])
            .arg(world.project())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(moment);
        let finished = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        unfinished += u32::from(!finished);

        // Whatever the ref names is all there.
        let fsck = git(&world.project(), &["fsck", "--strict", "--no-dangling", "--connectivity-only"]);
        assert_eq!(fsck, "", "{fsck}");
        let tree = draft(&world);
        let is_new = tree != old;
        new += u32::from(!finished && is_new);
        assert!(!finished || is_new);

        // Any command that comes next brings the work tree to what the ref names.
        behind += u32::from(!is_in_place(&world));
        world.thymis(&["input", "list"]).done();
        assert_eq!(draft(&world), tree);
        assert!(is_in_place(&world), "round {round} after {moment:?}");
        if is_new {
            // The new tree is the one that a generation without a kill makes.
            let again = world.thymis(&["--json", "generate"]).done().json();
            assert_eq!(again["changed"], false, "{again}");
            assert_eq!(draft(&world), tree);
        }
    }
    world.thymis(&["generate"]).done();
    world.thymis(&["generate", "--check"]).done();
    println!(
        "{whole:?} for all; {unfinished} of {KILLS} kills came before the end, {new} of them after the new tree was there, {behind} with a work tree to put right"
    );
    assert!(unfinished >= KILLS / 4, "only {unfinished} of {KILLS} kills came before the end");
    assert!(whole < Duration::from_secs(20));
}

use thymis_tests::repository::{Delta, Pack, SOMEBODY, sha1, stored};

use super::{served::serve, *};

/// Over HTTP a stranger chooses every byte of the pack.
#[test]
fn packs_that_are_none() {
    let mut attacks = Attacks::new();
    let (pack, commit) = Pack::with_commit(&[FLAKE]);
    attacks.loads("a pack that is right", &serve(pack.bytes(), commit), PLAIN);
    for count in [0, pack.count() - 1, pack.count() + 1, 4_000_000, u32::MAX] {
        attacks.refused(&format!("{count} objects said"), &serve(pack.bytes_saying(count), commit), "failed: ");
    }
    let mut trailed = pack.bytes();
    trailed.extend(b"and something behind it");
    attacks.either("something behind the pack", &serve(trailed, commit));
    let mut wrong = pack.bytes();
    *wrong.last_mut().unwrap() ^= 1;
    attacks.refused("a wrong checksum", &serve(wrong, commit), "failed: ");
    for length in [0, 4, 11, 12, 20, pack.bytes().len() - 30, pack.bytes().len() - 1] {
        attacks.refused(&format!("cut after {length} bytes"), &serve(pack.bytes()[..length].to_vec(), commit), "");
    }
    let mut version = pack.bytes();
    version[7] = 9;
    attacks.refused("another version", &serve(version, commit), "failed: ");
    attacks.refused("text", &serve(b"\x1b[2Jhello".to_vec(), commit), "failed: ");
    attacks.refused("a pack without the commit", &serve(pack.bytes(), Id([7; 20])), "failed: ");
    // The digest that such an object gets is that of what its head says.
    let named = |kind: u8, length: u64, zlib: &[u8], bytes: &[u8]| {
        let mut pack = Pack::default();
        pack.entry(kind, length, &[], zlib);
        let odd = Id(sha1(&[format!("blob {length}\0").as_bytes(), bytes]));
        let flake = pack.blob(FLAKE.1);
        let tree = pack.object("tree", &[entry("100644", FLAKE.0, flake), entry("100644", "x", odd)].concat());
        let text = format!("tree {tree}\nauthor {SOMEBODY}\ncommitter {SOMEBODY}\n\nx\n");
        let commit = pack.object("commit", text.as_bytes());
        serve(pack.bytes(), commit)
    };
    let long = vec![b'x'; 1 << 20];
    attacks.loads("a file beside the flake", &named(3, 1, &stored(b"x"), b"x"), PLAIN);
    attacks.refused("a length beyond that of its bytes", &named(3, 1 << 20, &stored(b"x"), b"x"), "failed: ");
    attacks.refused("a length of 2^60", &named(3, 1 << 60, &stored(b"x"), b"x"), "failed: ");
    attacks.refused("a length that is too small", &named(3, 1, &stored(&long), &long), "failed: ");
    attacks.refused("a type that there isn't", &named(5, 1, &stored(b"x"), b"x"), "failed: ");
    attacks.refused("no zlib", &named(3, 1, b"no zlib at all", b"x"), "failed: ");
    attacks.done();
}

#[test]
fn deltas_that_unfold() {
    let mut attacks = Attacks::new();
    let served = |fill: &dyn Fn(&mut Pack)| {
        let (mut pack, commit) = Pack::with_commit(&[FLAKE]);
        fill(&mut pack);
        serve(pack.bytes(), commit)
    };
    attacks.refused(
        "a base that is missing",
        &served(&|pack| {
            pack.delta(Id([7; 20]), &Delta::new(1, 1).copy(1));
        }),
        "failed: ",
    );
    attacks.refused(
        "two deltas that name what isn't there",
        &served(&|pack| {
            pack.delta(Id([1; 20]), &Delta::new(1, 1).copy(1));
            pack.delta(Id([2; 20]), &Delta::new(1, 1).copy(1));
        }),
        "failed: ",
    );
    for (what, base) in
        [("of itself", vec![0]), ("of what begins before the pack", vec![0xff, 0x7f]), ("far away", vec![0xff; 12])]
    {
        attacks.refused(
            &format!("a delta {what}"),
            &served(&|pack| {
                pack.entry(6, 3, &base, &stored(&[1, 1, 0]));
            }),
            "failed: ",
        );
    }
    for (what, delta) in [
        ("for a base of another length", Delta::new(99, 1).copy(1)),
        ("that copies what the base hasn't", Delta::new(1, 1000).copy(1000)),
        ("that makes less than it says", Delta::new(1, 1000).copy(1)),
        ("that makes more than it says", Delta::new(1, 1).copy(1).copy(1)),
        ("that says 2^62 bytes", Delta::new(1, 1 << 62).copy(1)),
        ("of nothing", Delta(Vec::new())),
        ("with the instruction 0", Delta(vec![1, 1, 0])),
    ] {
        attacks.refused(
            &format!("a delta {what}"),
            &served(&|pack| {
                let base = pack.blob("x");
                pack.delta(base, &delta);
            }),
            "failed: ",
        );
    }
    // More than 2 GiB no delta may make.
    let step = (1 << 24) - 1;
    let bomb = served(&|pack| {
        let base = pack.zeros(u64::from(step));
        let delta = (0..100).fold(Delta::new(step.into(), u64::from(step) * 100), |delta, _| delta.copy(step));
        pack.delta_at(base, &delta);
    });
    attacks.refused("a delta that makes 1.6 GiB of 16 MiB", &bomb, "--limit fetch_memory_bytes=");
    let bomb = served(&|pack| {
        let base = pack.zeros(256 << 20);
        for number in 0..1000_u32 {
            pack.delta_at(base, &Delta::new(256 << 20, 5).copy(1).insert(&number.to_le_bytes()));
        }
    });
    attacks.refused_within(&["fetch_cpu_seconds=3"], "1000 deltas of 256 MiB", &bomb, "--limit fetch_cpu_seconds=");
    let chain = served(&|pack| {
        let length = 1 << 16;
        let mut base = pack.zeros(length);
        for number in 0..5000_u32 {
            let delta = Delta::new(length, length).insert(&number.to_le_bytes()).copy(length as u32 - 4);
            base = pack.delta_at(base, &delta);
        }
    });
    attacks.either("5000 deltas of each other", &chain);
    let zeros = served(&|pack| {
        pack.zeros(3 << 30);
    });
    attacks.refused_within(
        &["fetch_cpu_seconds=3"],
        "3 GiB of zeros that nothing names",
        &zeros,
        "--limit fetch_cpu_seconds=",
    );
    let (mut pack, mut names) = (Pack::default(), entry("100644", FLAKE.0, Id::of("blob", FLAKE.1.as_bytes())));
    pack.blob(FLAKE.1);
    let base = pack.zeros(256 << 20);
    pack.delta_at(base, &Delta::new(256 << 20, 2).copy(1).insert(b"x"));
    names.extend((0..10_000).flat_map(|name| entry("100644", format!("x{name:04}"), Id::of("blob", b"\0x"))));
    let tree = pack.object("tree", &names);
    let text = format!("tree {tree}\nauthor {SOMEBODY}\ncommitter {SOMEBODY}\n\nx\n");
    let commit = pack.object("commit", text.as_bytes());
    let often = serve(pack.bytes(), commit);
    attacks.either_within(
        &["fetch_cpu_seconds=9"],
        "two bytes that are a delta of 256 MiB, named 10,000 times",
        &often,
    );
    attacks.done();
}

/// In a folder an attacker also writes the index of a pack, so that deltas can be each other's base.
#[test]
fn indexes_that_lie() {
    let mut attacks = Attacks::new();
    let (a, b) = (Id([1; 20]), Id([2; 20]));
    let mut pack = Pack::default();
    let first = pack.delta(b, &Delta::new(1, 1).copy(1));
    let second = pack.delta(a, &Delta::new(1, 1).copy(1));
    let blob = pack.end();
    pack.blob("{ outputs = _: { }; }");
    for (what, objects) in
        [("two deltas of each other", vec![(a, first), (b, second)]), ("a delta of itself", vec![(a, second)])]
    {
        let repository = RawRepository::with(|r| r.tree(&entry("100644", "flake.nix", a)));
        repository.add_pack_saying(&pack, &objects);
        attacks.refused_within(&["fetch_cpu_seconds=3"], what, &repository.url(), "--limit fetch_cpu_seconds=");
    }
    for (what, objects) in [
        ("a delta behind the end", vec![(a, 1 << 30)]),
        ("an object in the middle of another", vec![(a, blob + 3)]),
        ("another object than the name says", vec![(a, blob)]),
    ] {
        let repository = RawRepository::with(|r| r.tree(&entry("100644", "flake.nix", a)));
        repository.add_pack_saying(&pack, &objects);
        attacks.refused(what, &repository.url(), "");
    }
    let other = RawRepository::with(|repository| {
        let flake = repository.blob(FLAKE.1);
        let false_ = repository.place("blob", flake, b"{ outputs = builtins.abort; }");
        repository.tree(&entry("100644", "flake.nix", false_))
    });
    attacks.refused("another file than the name says", &other.url(), "failed: ");
    let bomb = RawRepository::with(|repository| {
        let step: u32 = (1 << 24) - 1;
        let mut pack = Pack::default();
        let base = pack.zeros(u64::from(step));
        let delta = (0..100).fold(Delta::new(step.into(), u64::from(step) * 100), |delta, _| delta.copy(step));
        let bomb = pack.delta_at(base, &delta);
        repository.add_pack_saying(&pack, &[(a, bomb)]);
        repository.tree(&[entry("100644", "flake.nix", repository.blob(FLAKE.1)), entry("100644", "x", a)].concat())
    });
    attacks.refused("a delta that makes 1.6 GiB", &bomb.url(), "--limit fetch_memory_bytes=");
    attacks.done();
}

//! Attacks that would leave something behind: for the next call, for another module, or on disk for another process.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use tempfile::TempDir;
use thymis_core::wire::{Answer, Expr};
use thymis_sandbox::{Component, Error, Outcome, Sandbox};
use thymis_tests::guest::{ENDLESS, Guest, raw_exprs, request};

use super::suite::{Case, Ended, Stage, case};

pub(crate) const CASES: &[Case] = &[
    // In memory
    case("a count in memory", |stage| {
        let count = "(i32.store (i32.const 512) (i32.add (i32.load (i32.const 512)) (i32.const 1)))";
        counting(stage, "", count, "(i32.load (i32.const 512))")
    }),
    case("a count in a global", |stage| {
        let items = "(global $count (mut i32) (i32.const 0))";
        let count = "(global.set $count (i32.add (global.get $count) (i32.const 1)))";
        counting(stage, items, count, "(global.get $count)")
    }),
    case("a count in a table", |stage| {
        let items = "(table $t 8 funcref) (elem declare func $generate)";
        let count =
            "(table.set $t (i32.const 5) (ref.func $generate)) (table.set $t (i32.const 6) (ref.func $generate))";
        let seen = "(i32.add (ref.is_null (table.get $t (i32.const 5))) (i32.const 1))";
        counting(
            stage,
            items,
            &format!("(local.set $seen {seen}) {count}"),
            "(i32.sub (local.get $seen) (i32.const 1))",
        )
    }),
    case("a count in the size of the memory", |stage| {
        counting(stage, "", "(drop (memory.grow (i32.const 1)))", "(i32.sub (memory.size) (i32.const 4))")
    }),
    case("a count in the size of a table", |stage| {
        let count = "(drop (table.grow $t (ref.null func) (i32.const 1)))";
        counting(stage, "(table $t 0 100 funcref)", count, "(table.size $t)")
    }),
    case("a segment that was dropped", |stage| {
        let count = "(memory.init $d (i32.const 512) (i32.const 0) (i32.const 1)) (data.drop $d)";
        counting(stage, r#"(data $d "\01")"#, count, "(i32.load8_u (i32.const 512))")
    }),
    case("a count from the start function", |stage| {
        let items =
            "(func $s (i32.store (i32.const 512) (i32.add (i32.load (i32.const 512)) (i32.const 1)))) (start $s)";
        counting(stage, items, "", "(i32.load (i32.const 512))")
    }),
    case("a mark that `migrate` leaves for `generate`", |stage| {
        Ended::of(|| {
            let guest = counter("", "", "(i32.load (i32.const 512))").migrate(
                "(i32.store (i32.const 512) (i32.const 7)) (i32.store (i32.const 4) (local.get 3))
                 (i32.store (i32.const 8) (local.get 4)) (i32.const 0)",
            );
            let component = stage.load(&guest)?;
            component.migrate("a", 1, "{}")?.answer.unwrap();
            Ok(format!("it finds {}", counted(&component.generate(&request("{}"))?)))
        })
    }),
    case("a mark that is left by a call that traps", |stage| {
        // Which it does where the settings are `{}`.
        let mark = "(local.set $seen (i32.load (i32.const 512))) (i32.store (i32.const 512) (i32.const 7))
            (if (i32.eq (i32.load offset=20 (local.get $request)) (i32.const 2)) (then (unreachable)))";
        Ended::of(|| {
            let component = stage.load(&counter("", mark, "(local.get $seen)"))?;
            let trapped = component.generate(&request("{}")).unwrap_err();
            Ok(format!("first: {trapped}; then it finds {}", counted(&component.generate(&request("[1]"))?)))
        })
    }),
    case("an instance that trapped, with more to do behind the answer", |stage| {
        // If it were entered again, the fuel would run out.
        stage.generate(&Guest::generating("(unreachable)").after("(loop $l (br $l))"))
    }),
    case("64 MiB left for another module", |stage| left_behind(stage, "(i32.const 1024)")),
    case("64 MiB left for another module by a call that traps", |stage| left_behind(stage, "(unreachable)")),
    case("64 MiB left for another module by a call without end", |stage| left_behind(stage, ENDLESS)),
    case("a table left for another module", |stage| {
        Ended::of(|| {
            let table = "(table $t 20000 funcref) (elem declare func $generate)";
            let fill = "(table.fill $t (i32.const 0) (ref.func $generate) (i32.const 20000)) (i32.const 1024)";
            let fills = stage.load(&Guest::generating(fill).items(table))?;
            let look = "(loop $l
                (local.set $seen (i32.add (local.get $seen) (i32.eqz (ref.is_null (table.get $t (local.get $i))))))
                (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20000))))";
            let looks = stage.load(&counter("(table $t 20000 funcref)", look, "(local.get $seen)"))?;
            let mut found = 0;
            for _ in 0..4 {
                fills.generate(&request("{}"))?;
                found += counted(&looks.generate(&request("{}"))?);
            }
            Ok(format!("it finds {found} elements"))
        })
    }),
    case("one module loaded twice", |stage| {
        let count = "(i32.store (i32.const 512) (i32.add (i32.load (i32.const 512)) (i32.const 1)))";
        Ended::of(|| {
            let guest = counter("", count, "(i32.load (i32.const 512))");
            let (first, second) = (stage.load(&guest)?, stage.load(&guest)?);
            let counts: Vec<usize> = [&first, &second, &first, &second]
                .into_iter()
                .map(|component| Ok(counted(&component.generate(&request("{}"))?)))
                .collect::<Result<_, Error>>()?;
            Ok(format!("it counts {counts:?}"))
        })
    }),
    case("fuel and memory that tell what was before", |stage| {
        Ended::of(|| {
            let component = stage.load(&Guest::echo())?;
            let first = component.generate(&request("{}"))?;
            for other in ["", "[]", "{\"a\": 1}"] {
                component.generate(&request(other))?;
                let again = component.generate(&request("{}"))?;
                assert_eq!(again, first);
            }
            let fresh = Sandbox::new(Stage::limits(), None)?.load(&Guest::echo().component(), false)?;
            assert_eq!(fresh.generate(&request("{}"))?, first);
            Ok("equal calls take the same, also in another sandbox".into())
        })
    }),
    // On disk
    case("a cache that nobody touched", |_| cached(|_| {})),
    case("a cached component with a byte changed, at 24 places", |_| {
        each(24, |cache, part| {
            let mut bytes = cache.genuine.clone();
            let at = (bytes.len() - 1) * part / 23;
            bytes[at] ^= 1;
            fs::write(&cache.entry, bytes).unwrap();
        })
    }),
    case("a cached component cut at 8 places", |_| {
        each(8, |cache, part| fs::write(&cache.entry, &cache.genuine[..cache.genuine.len() * part / 8]).unwrap())
    }),
    case("a cached component with a byte more", |_| {
        cached(|cache| fs::write(&cache.entry, [cache.genuine.as_slice(), &[0]].concat()).unwrap())
    }),
    case("a cached component without its authentication", |_| {
        cached(|cache| fs::write(&cache.entry, &cache.genuine[32..]).unwrap())
    }),
    case("a file of someone else's in the cache", |_| {
        cached(|cache| fs::write(&cache.entry, b"\x7fELF planted machine code, longer than a digest").unwrap())
    }),
    case("another component's machine code under this one's name", |_| {
        cached(|cache| {
            let other = Guest::generating("(unreachable)").component();
            cache.sandbox().unwrap().load(&other, false).unwrap();
            let others = cache.entries();
            let other = others.iter().find(|path| **path != cache.entry).unwrap();
            fs::rename(other, &cache.entry).unwrap();
        })
    }),
    case("the same component's machine code from another user's cache", |_| {
        cached(|cache| {
            let stranger = Cache::filled();
            fs::copy(&stranger.entry, &cache.entry).unwrap();
        })
    }),
    case("another user's cache, key and all, but for one entry", |_| {
        cached(|cache| {
            let stranger = Cache::filled();
            fs::copy(stranger.folder.join("key"), cache.folder.join("key")).unwrap();
        })
    }),
    case("a folder in the place of a cached component", |_| {
        cached(|cache| {
            fs::remove_file(&cache.entry).unwrap();
            fs::create_dir_all(cache.entry.join("with/more")).unwrap();
        })
    }),
    case("a link in the place of a cached component", |_| {
        cached(|cache| {
            let elsewhere = cache.folder.join("elsewhere");
            fs::rename(&cache.entry, &elsewhere).unwrap();
            symlink(&elsewhere, &cache.entry).unwrap();
        })
    }),
    case("a link to endless zeroes in the place of a cached component", |_| {
        cached(|cache| {
            fs::remove_file(&cache.entry).unwrap();
            symlink("/dev/zero", &cache.entry).unwrap();
        })
    }),
    case("a pipe in the place of a cached component", |_| {
        cached(|cache| {
            fs::remove_file(&cache.entry).unwrap();
            assert!(Command::new("mkfifo").arg(&cache.entry).status().unwrap().success());
        })
    }),
    case("10 GB in the place of a cached component", |_| {
        cached(|cache| File::create(&cache.entry).unwrap().set_len(10_000_000_000).unwrap())
    }),
    case("a key that is gone", |_| cached(|cache| fs::remove_file(cache.folder.join("key")).unwrap())),
    case("a key that is too short", |_| cached(|cache| fs::write(cache.folder.join("key"), [7; 31]).unwrap())),
    case("a key that anyone can read", |_| cached(|cache| mode(&cache.folder.join("key"), 0o644))),
    case("a key that has a second name", |_| {
        cached(|cache| fs::hard_link(cache.folder.join("key"), cache.folder.join("second")).unwrap())
    }),
    case("a key that is a link", |_| {
        cached(|cache| {
            fs::rename(cache.folder.join("key"), cache.folder.join("elsewhere")).unwrap();
            symlink(cache.folder.join("elsewhere"), cache.folder.join("key")).unwrap();
        })
    }),
    case("a key that is a pipe", |_| {
        cached(|cache| {
            fs::remove_file(cache.folder.join("key")).unwrap();
            assert!(Command::new("mkfifo").arg(cache.folder.join("key")).status().unwrap().success());
        })
    }),
    case("a key that is a folder", |_| {
        cached(|cache| {
            fs::remove_file(cache.folder.join("key")).unwrap();
            fs::create_dir_all(cache.folder.join("key/more")).unwrap();
        })
    }),
    case("a cache that its group can write", |_| cached(|cache| mode(&cache.folder, 0o770))),
    case("a cache that anyone can write", |_| cached(|cache| mode(&cache.folder, 0o707))),
    case("a file in the place of the cache", |_| {
        cached(|cache| {
            fs::remove_dir_all(&cache.folder).unwrap();
            fs::write(&cache.folder, "").unwrap();
        })
    }),
];

/// Answers with a text of so many bytes, after having done something. There are the locals `$i` and `$seen`.
fn counter(items: &str, doing: &str, count: &str) -> Guest {
    Guest::generating(format!(
        "(local $i i32) (local $seen i32) {doing}
         (i32.store (i32.const 264) (i32.const 0x3f000)) (i32.store (i32.const 268) {count}) {}",
        raw_exprs("(i32.const 1)")
    ))
    .items(items)
}

fn counted(outcome: &Outcome<Answer>) -> usize {
    let Ok([Expr::Raw(text)]) = outcome.answer.as_ref().map(|it| it.exprs.as_slice()) else { panic!("{outcome:?}") };
    text.len()
}

/// What three calls count that each count one more.
fn counting(stage: &Stage, items: &str, doing: &str, count: &str) -> Ended {
    Ended::of(|| {
        let component = stage.load(&counter(items, doing, count))?;
        let counts: Vec<usize> =
            (0..3).map(|_| Ok(counted(&component.generate(&request("{}"))?))).collect::<Result<_, Error>>()?;
        Ok(format!("it counts {counts:?}"))
    })
}

/// What a module finds in fresh memory after another one has written to all that there is.
fn left_behind(stage: &Stage, end: &str) -> Ended {
    // Four bytes of each kilobyte.
    let every = |doing: &str| {
        format!(
            "(local.set $i (i32.const 0x20000)) (loop $l {doing}
                 (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1024))) (i32.const 0x4000000))))"
        )
    };
    let fill = every("(i32.store (local.get $i) (i32.const 0x53454352))");
    let look = every("(local.set $seen (i32.add (local.get $seen) (i32.ne (i32.load (local.get $i)) (i32.const 0))))");
    Ended::of(|| {
        let own = stage.load(&counter("", &format!("{fill} {look}"), "(local.get $seen)").pages(1024))?;
        assert!(counted(&own.generate(&request("{}"))?) > 60_000, "what is there is found");
        let fills = stage.load(&Guest::generating(format!("(local $i i32) {fill} {end}")).pages(1024))?;
        let grow = "(drop (memory.grow (i32.const 1020)))";
        let looks = stage.load(&counter("", &format!("{grow} {look}"), "(local.get $seen)"))?;
        let mut found = 0;
        for _ in 0..4 {
            let _ = fills.generate(&request("{}"));
            found += counted(&looks.generate(&request("{}"))?);
        }
        Ok(format!("it finds {found} places that aren't zero"))
    })
}

/// A cache in a folder of its own, with one component in it.
struct Cache {
    _place: TempDir,
    folder: PathBuf,
    entry: PathBuf,
    /// The entry's bytes.
    genuine: Vec<u8>,
    answer: Outcome<Answer>,
}

impl Cache {
    fn filled() -> Self {
        let place = TempDir::new().unwrap();
        let folder = place.path().join("cache");
        let answer = Self::use_of(&Self::sandbox_of(&folder).unwrap()).unwrap();
        let entry = Self::entries_of(&folder).remove(0);
        let genuine = fs::read(&entry).unwrap();
        Self { _place: place, folder, entry, genuine, answer }
    }

    fn sandbox_of(folder: &Path) -> Result<Sandbox, Error> {
        Ok(Sandbox::new(Stage::limits(), Some(folder.into()))?)
    }

    fn sandbox(&self) -> Result<Sandbox, Error> {
        Self::sandbox_of(&self.folder)
    }

    fn use_of(sandbox: &Sandbox) -> Result<Outcome<Answer>, Error> {
        let component: Component = sandbox.load(&Guest::echo().component(), false)?;
        component.generate(&request(r#"{"a":"ä"}"#))
    }

    fn entries_of(folder: &Path) -> Vec<PathBuf> {
        let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        all.filter(|path| path.extension().is_some_and(|it| it == "component")).collect()
    }

    fn entries(&self) -> Vec<PathBuf> {
        Self::entries_of(&self.folder)
    }

    /// Uses the component in a new sandbox, as the next process does.
    fn used_again(&self) -> Result<String, Error> {
        self.mark();
        assert_eq!(Self::use_of(&self.sandbox()?)?, self.answer);
        let entry = if self.is_marked() { "the entry is used" } else { "the entry is dropped and written again" };
        let file = fs::symlink_metadata(&self.entry).unwrap();
        let length = u64::try_from(self.genuine.len()).unwrap();
        assert!(file.is_file() && file.len() == length && file.mode() & 0o777 == 0o600, "{file:?}");
        let key = fs::symlink_metadata(self.folder.join("key")).unwrap();
        assert!(key.is_file() && key.len() == 32 && key.mode() & 0o777 == 0o600 && key.nlink() == 1, "{key:?}");
        // What is there now is used by everyone after.
        self.mark();
        assert_eq!(Self::use_of(&self.sandbox()?)?, self.answer);
        assert!(self.is_marked());
        Ok(format!("{entry}; the answer is the same"))
    }

    /// Makes the entry old, if it is a file.
    fn mark(&self) {
        if fs::symlink_metadata(&self.entry).is_ok_and(|entry| entry.is_file()) {
            File::options().write(true).open(&self.entry).unwrap().set_modified(UNIX_EPOCH).unwrap();
        }
    }

    fn is_marked(&self) -> bool {
        fs::symlink_metadata(&self.entry).unwrap().modified().unwrap() == UNIX_EPOCH
    }
}

/// How using a component ends whose cache was tampered with.
fn cached(tamper: impl Fn(&Cache)) -> Ended {
    let cache = Cache::filled();
    tamper(&cache);
    Ended::of(|| cache.used_again()).at(&cache.folder, "/cache")
}

/// The same for parts of one thing, all of which end alike.
fn each(parts: usize, tamper: impl Fn(&Cache, usize)) -> Ended {
    let cache = Cache::filled();
    let mut ends: Vec<Ended> = (0..parts)
        .map(|part| {
            tamper(&cache, part);
            let ended = Ended::of(|| cache.used_again());
            assert_eq!(fs::read(&cache.entry).unwrap(), cache.genuine, "part {part}");
            ended
        })
        .collect();
    ends.dedup();
    assert_eq!(ends.len(), 1, "{ends:?}");
    ends.remove(0)
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use serde_json::{Value, json};
use thymis_tests::{
    Disk, Nix, Output, World, commit, git,
    server::{HttpServer, bare_clone},
};

use super::{
    bell::Bell,
    case::{Alone, Case, Ends},
    scenery::{WISHES, archive, flake, nix, project, put, surround, tree},
    watch::Watched,
};

/// Longest that the program may say about one evaluation, in bytes.
const SAID: usize = 64 << 10;
/// What every machine's /etc/passwd begins with.
const PASSWD: &str = "root:x:0";

/// A machine with secrets, and a project with an input `evil` that goes after them: `attacks.NAME` of its flake for each case,
/// and a configuration of that name that evaluates it.
pub(crate) struct Stage {
    pub(crate) world: World,
    cases: &'static [Case],
    server: HttpServer,
    bell: Bell,
    /// No text of these may come out.
    secrets: Vec<String>,
    /// What texts may name, in [`Stage::filled`].
    names: BTreeMap<&'static str, String>,
    /// The folder with secrets, as it has to stay.
    before: Disk,
}

impl Stage {
    pub(crate) fn new(cases: &'static [Case]) -> Self {
        let world = project();
        let outside = world.path().join("outside");
        let secret = secret();
        let file = put(&outside.join("secret.txt"), &secret);
        put(&outside.join("folder/secret.txt"), &secret);
        put(&outside.join("folder/flake.nix"), &format!("{{ outputs = _: {{ secret = \"{secret}\"; }}; }}"));
        let other = outside.join("other");
        thymis_tests::copy(&outside.join("folder"), &other);
        put(&other.join("sub/flake.nix"), &format!("{{ outputs = _: {{ secret = \"{secret}\"; }}; }}"));
        // Somebody evaluated it before, so it is in the machine's store.
        let stored = nix(&["store", "add-path", "--name", "source", other.to_str().unwrap()]);
        let other_hash = nix(&["hash", "path", other.to_str().unwrap()]);
        archive(&other);
        // As Nix 2.8 expects it.
        git(&other, &["init", "--quiet", "--initial-branch=master"]);
        let revision = commit(&other);

        let sites = world.path().join("sites");
        fs::create_dir(&sites).unwrap();
        bare_clone(&other, &sites, "other");
        let server = HttpServer::start(&sites);
        let bell = Bell::new();

        let evil = world.path().join("evil");
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let names = BTreeMap::from([
            ("file", text(&file)),
            ("folder", text(&outside.join("folder"))),
            ("folderHash", nix(&["hash", "path", &text(&outside.join("folder"))])),
            ("other", text(&other)),
            ("otherRev", revision.clone()),
            ("otherHash", other_hash),
            ("stored", stored),
            ("http", server.url_at("127.0.0.1", "").trim_end_matches('/').to_owned()),
            ("port", bell.port()),
            ("place", text(&world.path().join("evil"))),
            ("home", text(&world.home())),
            ("marker", text(&outside.join("marker"))),
            ("credentials", text(&outside.join("credentials.toml"))),
        ]);
        tree(&evil, &outside, &revision, &flake(&names, cases));
        git(&evil, &["init", "--quiet", "--initial-branch=main"]);
        commit(&evil);
        surround(&world, &outside, &secret);

        let mut secrets = vec![secret, PASSWD.to_owned()];
        for file in [&file, Path::new("/etc/passwd")] {
            // As different errors tell it.
            for form in ["--sri", "--base32"] {
                secrets.push(nix(&["hash", "file", form, "--type", "sha256", &text(file)]));
            }
        }
        let before = Disk::of(&outside);
        Self { world, cases, server, bell, secrets, names, before }
    }

    /// The program evaluates every case.
    #[track_caller]
    pub(crate) fn evaluate(&self) {
        self.generate();
        let mut wrong = Vec::new();
        for case in self.cases {
            let mut note = |what: String| wrong.push(format!("{}: {what}", case.name));
            let output = self.eval(case, &mut note);
            self.plain(&output, &mut note);
            if output.stderr.contains("unconfined") {
                note(format!("advises to go on without a jail: {}", output.stderr));
            }
            if output.code != 0 && output.stderr.trim_end().ends_with(':') {
                note(format!("doesn't say why: {}", output.stderr));
            }
            let said = format!("{}{}", output.stdout, output.stderr);
            if said.len() > SAID {
                note(format!("says {} bytes", said.len()));
            }
            let right = match case.ends {
                Ends::Refused(words) => output.code == 1 && words.iter().any(|word| output.stderr.contains(word)),
                Ends::Value(value) => {
                    let value: Value = serde_json::from_str(value).unwrap();
                    output.code == 0 && output.json()["attack.value"] == value
                }
            };
            if !right {
                note(format!("ended with {}: {}", output.code, said.chars().take(2_000).collect::<String>()));
            }
        }
        self.untouched(&mut wrong);
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    }

    /// Brings `evil` into the project, with a configuration for each case.
    pub(crate) fn generate(&self) {
        self.world.add("evil", &self.world.path().join("evil")).done();
        for case in self.cases {
            self.configure(&case.id(), &format!("attack.value = inputs.evil.attacks.{};", case.id()));
        }
        self.world.thymis(&["generate"]).done();
    }

    fn eval(&self, case: &Case, note: &mut impl FnMut(String)) -> Output {
        let id = case.id();
        let mut arguments: Vec<&str> = case.limits.iter().flat_map(|limit| ["--limit", limit]).collect();
        arguments.extend(["eval", &id, "attack.value"]);
        if matches!(case.ends, Ends::Value(_)) {
            arguments.push("--json");
        }
        let (output, left) = Watched::start(&mut self.command(&arguments)).end();
        if !left.is_empty() {
            note(format!("still run: {left:?}"));
        }
        output
    }

    /// Nix evaluates those cases that say what becomes of it then.
    #[track_caller]
    pub(crate) fn evaluate_with_nix_alone(&self) {
        let mut wrong = Vec::new();
        let evil = self.world.path().join("evil");
        for case in self.cases.iter().filter(|case| case.alone != Alone::Barred) {
            let asked = self.asked();
            let mut command = Nix::shared().command("nix");
            command.args(["eval", "--json", &format!("git+file://{}#attacks.{}", evil.display(), case.id())]);
            let home = self.world.path().join("other-home");
            command.env("XDG_CACHE_HOME", home.join("cache")).env("HOME", home).env("NIX_CONFIG", NIX_ALONE);
            let output = Output::of(&mut command);
            let said = format!("{}{}", output.stdout, output.stderr);
            let holds = match case.alone {
                Alone::Barred => true,
                Alone::Tells => self.secrets.iter().any(|secret| said.contains(secret)),
                Alone::Asks => self.asked() > asked,
                Alone::Works => output.code == 0,
            };
            if !holds {
                wrong.push(format!("{}: ended with {}: {said}", case.name, output.code));
            }
        }
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    }

    /// A text with places of the machine in it: `@outside`, `@port`, `@rev`, `@hash`, `@marker`.
    pub(crate) fn filled(&self, text: &str) -> String {
        let outside = self.world.path().join("outside");
        [
            ("@outside", outside.to_str().unwrap()),
            ("@port", &self.names["port"]),
            ("@rev", &self.names["otherRev"]),
            ("@hash", &self.names["folderHash"]),
            ("@marker", &self.names["marker"]),
        ]
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    /// Where the other repository's files are in the machine's store.
    pub(crate) fn stored(&self) -> &str {
        &self.names["stored"]
    }

    /// Nothing from outside is among the sources that the program keeps.
    pub(crate) fn kept_nothing(&self, mut note: impl FnMut(String)) {
        let sources = self.world.home().join("cache/thymis/nix/sources");
        for source in fs::read_dir(sources).into_iter().flatten().filter_map(Result::ok) {
            if source.path().join("secret.txt").exists() || source.path().join("passwd").exists() {
                note(format!("kept {}", source.path().display()));
            }
        }
    }

    /// A configuration of this Nix text.
    pub(crate) fn configure(&self, id: &str, nix: &str) {
        let state = json!({ "modules": [{ "module": "thymis/custom-nix", "settings": { "settings": nix } }] });
        self.world.write(&format!("state/configurations/{id}.json"), state.to_string());
    }

    /// The program, called by somebody who has settings, credentials and secrets in the environment.
    pub(crate) fn thymis(&self, arguments: &[&str]) -> Output {
        Output::of(&mut self.command(arguments))
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let outside = self.world.path().join("outside");
        let mut command = self.world.command(arguments);
        command
            .env("THYMIS_JAIL_SECRET", secret())
            .env("THYMIS_CREDENTIALS", outside.join("credentials.toml"))
            .env("SSH_AUTH_SOCK", outside.join("secret.txt"))
            .env("NIX_PATH", format!("nixpkgs={0}:secret={0}", outside.join("folder").display()))
            .env("NIX_CONFIG", WISHES)
            .env("NIX_REMOTE", "daemon");
        command
    }

    /// What is shown holds no secret and nothing that a terminal would act upon.
    pub(crate) fn plain(&self, output: &Output, mut note: impl FnMut(String)) {
        let said = format!("{}{}", output.stdout, output.stderr);
        for secret in &self.secrets {
            if said.contains(secret) {
                note(format!("tells {secret}: {said}"));
            }
        }
        if said.contains(hidden) {
            note(format!("says control characters: {said:?}"));
        }
        if said.contains("panicked") || !matches!(output.code, 0 | 1) {
            note(format!("ended with {}: {said}", output.code));
        }
    }

    /// How often somebody connected.
    fn asked(&self) -> usize {
        self.server.requests().len() + self.bell.rung()
    }

    /// Nobody was asked for anything, and nothing was written, run or removed.
    pub(crate) fn untouched(&self, wrong: &mut Vec<String>) {
        for request in self.server.requests() {
            wrong.push(format!("a request: {request:?}"));
        }
        if self.bell.rung() > 0 {
            wrong.push(format!("{} connections", self.bell.rung()));
        }
        if Disk::of(&self.world.path().join("outside")) != self.before {
            wrong.push("the folder with secrets changed".to_owned());
        }
    }
}

/// What Nix gets that has nothing around it: its defaults, but that it works as root and without a network.
const NIX_ALONE: &str = "experimental-features = nix-command flakes
build-users-group =
substitute = false
flake-registry =
download-attempts = 1
";

pub(crate) fn secret() -> String {
    format!("kept-from-flakes-{}", std::process::id())
}

/// What may not reach a terminal.
fn hidden(c: char) -> bool {
    let invisible = ['\u{200b}'..='\u{200f}', '\u{202a}'..='\u{202e}', '\u{2066}'..='\u{2069}'];
    c.is_control() && !matches!(c, '\n' | '\t') || invisible.iter().any(|range| range.contains(&c))
}

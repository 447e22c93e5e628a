use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde_json::{Value, json};
use thymis_tests::{
    Disk, Fixtures, Lib, Output, World, commit, git,
    server::{Authority, HttpServer, Rule},
};

/// Which option of a configuration holds what an input says.
const SAYS: &str = "words.said";

/// Somebody with a project that has the inputs `nixpkgs` and `thymis`, and a server with other repositories.
pub(crate) struct Place {
    pub(crate) world: World,
    authority: Authority,
    server: Option<HttpServer>,
}

/// The text of a flake that has a word to say, and says those of its inputs after it: `one(two(three))`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flake {
    inputs: Vec<(String, String)>,
    unlisted: BTreeSet<String>,
}

impl Flake {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// With an input that is a flake, too.
    pub(crate) fn on(mut self, name: &str, url: &str) -> Self {
        self.inputs.push((name.to_owned(), format!("{name}.url = \"{url}\";")));
        self
    }

    /// With an input written in Nix, of which only the files are used.
    pub(crate) fn on_files(mut self, name: &str, nix: &str) -> Self {
        self.inputs.push((name.to_owned(), format!("{name} = {{ {nix} flake = false; }};")));
        self.unlisted.insert(name.to_owned());
        self
    }

    fn text(&self, word: &str) -> String {
        let inputs: String = self.inputs.iter().map(|(_, nix)| format!("    {nix}\n")).collect();
        let says = |name: &String| match self.unlisted.contains(name) {
            true => format!("(builtins.readFile \"${{i.{name}}}/word\")"),
            false => format!("i.{name}.word"),
        };
        let said: Vec<String> = self.inputs.iter().map(|(name, _)| format!(" + {}", says(name))).collect();
        let said = if said.is_empty() { String::new() } else { format!(" + \"(\"{} + \")\"", said.join(" + \" \"")) };
        format!("{{\n  inputs = {{\n{inputs}  }};\n  outputs = i: {{ word = \"{word}\"{said}; }};\n}}\n")
    }
}

impl Place {
    pub(crate) fn new() -> Self {
        static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
        let world = World::copy_of(TEMPLATE.get_or_init(|| {
            let world = World::empty();
            world.thymis_in(world.path(), &["init", "project"]).done();
            world.add("nixpkgs", Fixtures::nixpkgs(Lib::Small, "").unwrap()).done();
            world.add("thymis", Fixtures::thymis()).done();
            world.kept()
        }));
        fs::create_dir(world.path().join("sites")).unwrap();
        let authority = Authority::new();
        let server = Some(HttpServer::start_tls(&world.path().join("sites"), &authority));
        Self { world, authority, server }
    }

    pub(crate) fn server(&self) -> &HttpServer {
        self.server.as_ref().unwrap()
    }

    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// From now on, nobody answers.
    pub(crate) fn stop(&mut self) {
        self.server = None;
    }

    /// `git+https://127.0.0.1:PORT/name`
    pub(crate) fn url(&self, name: &str) -> String {
        self.server().url(name)
    }

    pub(crate) fn site(&self, name: &str) -> PathBuf {
        self.world.path().join("sites").join(name)
    }

    /// A further commit of a repository of the server, with this flake, whose word is its name.
    pub(crate) fn flake(&self, name: &str, flake: &Flake) -> String {
        self.files(name, &[("flake.nix", &flake.text(name)), ("word", name)])
    }

    /// A further commit of a repository of the server.
    pub(crate) fn files(&self, name: &str, files: &[(&str, &str)]) -> String {
        let folder = self.site(name);
        if !folder.exists() {
            fs::create_dir_all(&folder).unwrap();
            // Where old Nix looks if nobody names a branch.
            git(&folder, &["init", "--quiet", "--initial-branch=master"]);
        }
        for (file, text) in files {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        commit(&folder)
    }

    /// Only who sends this token is let in.
    pub(crate) fn token(&self, repository: &str, token: &str) {
        self.server().rule(repository, Rule::Token { authorization: format!("Bearer {token}") });
    }

    /// The program has this token for a repository from now on.
    pub(crate) fn credential(&self, repository: &str, token: &str) {
        let path = self.credentials();
        let mut text = fs::read_to_string(&path).unwrap_or_default();
        text.push_str(&format!("[[credential]]\nrepository = {:?}\ntoken = {token:?}\n", self.url(repository)));
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn credentials(&self) -> PathBuf {
        self.world.path().join("credentials.toml")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.world.command(arguments);
        command.env("SSL_CERT_FILE", self.authority.file());
        if self.credentials().exists() {
            command.arg("--credentials").arg(self.credentials());
        }
        command
    }

    pub(crate) fn thymis(&self, arguments: &[&str]) -> Output {
        Output::of(&mut self.command(arguments))
    }

    /// Adds a repository of the server as an input of its name.
    #[track_caller]
    pub(crate) fn add(&self, name: &str) {
        self.thymis(&["input", "add", name, &self.url(name)]).done();
    }

    /// What `input lock` answers.
    #[track_caller]
    pub(crate) fn lock(&self) -> Value {
        self.thymis(&["--json", "input", "lock"]).done().json()
    }

    /// Why `input lock` refuses, after which everything is as it was, and nothing was kept for Nix.
    #[track_caller]
    pub(crate) fn refuses_to_lock(&self, more: &[&str]) -> String {
        let (before, kept) = (Disk::visible(&self.world.project()), self.kept());
        let said = self.thymis(&[more, &["input", "lock"]].concat()).refused();
        before.assert_same(&Disk::visible(&self.world.project()));
        let kept_now = self.kept();
        let direct: BTreeSet<String> = self.direct_hashes();
        let more: Vec<&String> = kept_now.difference(&kept).filter(|name| !direct.contains(*name)).collect();
        assert!(more.is_empty(), "kept {more:?}");
        said
    }

    /// What the program keeps to show it to Nix.
    fn kept(&self) -> BTreeSet<String> {
        let folder = self.world.home().join("cache/thymis/nix/sources");
        let names = fs::read_dir(folder).into_iter().flatten();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Names of the files of the project's own inputs in the store.
    fn direct_hashes(&self) -> BTreeSet<String> {
        let lock: Value = serde_json::from_str(&self.world.read("modules.lock")).unwrap();
        let hashes = lock["inputs"].as_object().unwrap().values().map(|entry| entry["pin"]["nar-hash"].clone());
        hashes.map(|hash| store_name(hash.as_str().unwrap())).collect()
    }

    /// A configuration of this name that says this, which is Nix.
    pub(crate) fn configure(&self, id: &str, nix: &str) {
        let text = format!("{SAYS} = {nix};");
        let state = json!({ "modules": [{ "module": "thymis/custom-nix", "settings": { "settings": text } }] });
        self.world.write(&format!("state/configurations/{id}.json"), state.to_string());
    }

    /// What a configuration of this text says, generated anew and evaluated on a machine whose Nix knows nothing.
    #[track_caller]
    pub(crate) fn says(&self, nix: &str) -> Value {
        self.configure("lobby", nix);
        self.thymis(&["generate"]).done();
        self.evaluated()
    }

    /// What the generated configuration says.
    #[track_caller]
    pub(crate) fn evaluated(&self) -> Value {
        self.thymis(&["--json", "eval", "lobby", SAYS]).done().json()[SAYS].clone()
    }

    /// The lock that Nix reads.
    pub(crate) fn flake_lock(&self) -> Value {
        serde_json::from_str(&self.world.read("flake.lock")).unwrap()
    }

    /// The node that a path of inputs leads to from the root.
    #[track_caller]
    pub(crate) fn node(&self, path: &[&str]) -> Value {
        let lock = self.flake_lock();
        let mut name = lock["root"].as_str().unwrap().to_owned();
        for own in path {
            name =
                lock["nodes"][&name]["inputs"][own].as_str().unwrap_or_else(|| panic!("{path:?}: {lock:#}")).to_owned();
        }
        lock["nodes"][&name].clone()
    }

    /// Whoever asked was the program itself, with its credentials, or Nix, with none.
    #[track_caller]
    pub(crate) fn assert_nix_had_no_credential(&self) {
        let requests = self.server().requests();
        let (ours, of_nix): (Vec<_>, Vec<_>) = requests.iter().partition(|it| it.user_agent.contains("thymis"));
        assert!(ours.iter().any(|request| request.authorization.is_some()) && !of_nix.is_empty(), "{requests:?}");
        for request in of_nix {
            assert_eq!(request.authorization, None, "{request:?}");
        }
    }

    /// A person who has credentials for everything around, too.
    pub(crate) fn surround(&self, token: &str) {
        let home = self.world.home();
        let host = self.server().url_at("127.0.0.1", "");
        fs::write(home.join(".netrc"), format!("machine 127.0.0.1 login x password {token}\n")).unwrap();
        fs::write(home.join(".git-credentials"), host.replace("//", &format!("//x:{token}@"))).unwrap();
        let config = format!("[http]\n\textraHeader = Authorization: Bearer {token}\n[credential]\n\thelper = store\n");
        fs::write(home.join(".gitconfig"), config).unwrap();
        fs::create_dir_all(home.join(".config/nix")).unwrap();
        let nix = format!("netrc-file = {}/.netrc\naccess-tokens = 127.0.0.1={token}\n", home.display());
        fs::write(home.join(".config/nix/nix.conf"), nix).unwrap();
    }

    /// Nix as a person calls it, in a home of its own.
    pub(crate) fn nix(&self, arguments: &[&str], folder: &Path) -> Output {
        let home = self.world.path().join("person");
        fs::create_dir_all(&home).unwrap();
        let mut command = Command::new("nix");
        command.args(arguments).current_dir(folder).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", home).env("NIX_CONFIG", CONFIG);
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("NIX_SSL_CERT_FILE", self.authority.file());
        command.env("GIT_SSL_CAINFO", self.authority.file());
        Output::of(&mut command)
    }
}

/// Puts an archive with a file `word` on the server: `NAME.tar.gz`, which redirects to where it is, as forges do.
pub(crate) fn archive(place: &Place, name: &str) {
    // A file of a repository that git's server gives as it is.
    let file = format!("objects/pack/pack-{}.pack", "0".repeat(40));
    place.files(name, &[("word", "archived")]);
    let folder = place.site(name);
    let packed = folder.join(".git").join(&file);
    git(&folder, &["archive", "--format=tar.gz", "--prefix=top/", "--output", packed.to_str().unwrap(), "HEAD"]);
    let to = format!("{}/{file}", place.server().url_at("127.0.0.1", name));
    place.server().rule(&format!("{name}.tar.gz"), Rule::Redirect(to));
}

/// A person's settings: no cache of others, no registry.
const CONFIG: &str = "experimental-features = nix-command flakes
build-users-group =
sandbox = false
substitute = false
flake-registry =
download-attempts = 1
warn-dirty = false
";

/// The name that files of this hash have in the store.
fn store_name(hash: &str) -> String {
    let hash: thymis_core::digest::NarHash = hash.parse().unwrap();
    thymis_core::store_path::SourcePath::of(&hash).name()
}

use std::{
    fs,
    net::TcpStream,
    os::{fd::OwnedFd, unix::fs::PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tempfile::TempDir;

use super::listener::Listener;

/// Serves the repositories in a folder over SSH, for reading: OpenSSH's server as the tests' user, with keys of its own.
#[derive(Debug)]
pub struct SshServer {
    listener: Listener,
    files: Arc<Files>,
    /// Which host key answers.
    impostor: Arc<AtomicBool>,
    repositories: PathBuf,
    user: String,
    key: String,
    other_key: String,
    host_key: String,
}

/// What sshd reads and writes.
#[derive(Debug)]
struct Files(TempDir);

impl SshServer {
    /// On a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When no port is free, or without OpenSSH.
    #[must_use]
    pub fn start(folder: &Path) -> Self {
        assert!(sshd().is_file(), "OpenSSH's server is missing; script/bootstrap installs it");
        let files = Arc::new(Files(TempDir::new().unwrap()));
        for key in ["host", "impostor", "client", "stranger"] {
            files.generate(key);
        }
        files.configure(folder);
        if said("id", &["-u"]) == "0" {
            // Where sshd locks in the part of it that talks to strangers; its package makes it for the system's own sshd only.
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let impostor = Arc::new(AtomicBool::new(false));
        let listener = Listener::start("127.0.0.1:0", {
            let (files, impostor) = (files.clone(), impostor.clone());
            move |tcp| files.serve(tcp, if impostor.load(Ordering::SeqCst) { "impostor" } else { "host" })
        });
        Self {
            listener: listener.expect("a port is free"),
            impostor,
            repositories: folder.to_owned(),
            user: said("id", &["-un"]),
            key: files.read("client"),
            other_key: files.read("stranger"),
            host_key: files.public("host"),
            files,
        }
    }

    /// From the next connection on, a server with another host key answers at the same address.
    pub fn replace_by_impostor(&self) {
        self.impostor.store(true, Ordering::SeqCst);
    }

    /// A repository as a reference names it: `git+ssh://USER@127.0.0.1:PORT/folder/repository`.
    #[must_use]
    pub fn url(&self, repository: &str) -> String {
        let place = self.repositories.join(repository);
        format!("git+ssh://{}@{}{}", self.user, self.listener.address(), place.display())
    }

    /// The key that is let in: a file's text, as `ssh-keygen` writes it without a passphrase.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// A key that is not.
    #[must_use]
    pub fn other_key(&self) -> &str {
        &self.other_key
    }

    /// The host's public key: `ssh-ed25519 AAAA…`.
    #[must_use]
    pub fn host_key(&self) -> &str {
        &self.host_key
    }

    /// The host key's: `SHA256:…`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.files.fingerprint("host")
    }

    /// A line for `known_hosts`.
    #[must_use]
    pub fn known_host(&self) -> String {
        format!("[127.0.0.1]:{} {}\n", self.listener.address().port(), self.host_key)
    }

    /// What sshd has logged: who came and with which keys.
    #[must_use]
    pub fn log(&self) -> String {
        self.files.read("log")
    }
}

impl Files {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Empty where there is none.
    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn generate(&self, key: &str) {
        said("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", self.path(key).to_str().unwrap()]);
    }

    /// Its kind and what it is, without the comment.
    fn public(&self, key: &str) -> String {
        self.read(&format!("{key}.pub")).trim().to_owned()
    }

    fn fingerprint(&self, key: &str) -> String {
        let line = said("ssh-keygen", &["-l", "-E", "sha256", "-f", self.path(key).to_str().unwrap()]);
        line.split(' ').nth(1).unwrap().to_owned()
    }

    fn configure(&self, folder: &Path) {
        let folder = folder.to_str().unwrap();
        let path = std::env::var("PATH").unwrap();
        assert!(!format!("{folder}{path}").contains('\''), "quoted with single quotes below");
        let command = self.path("command");
        let text = format!(
            "#!/bin/sh
export PATH='{path}' GIT_CONFIG_NOSYSTEM=1
place=\"${{SSH_ORIGINAL_COMMAND#\"git-upload-pack '\"}}\"
place=\"${{place%\"'\"}}\"
case \"$SSH_ORIGINAL_COMMAND $place\" in
  *\"'\"*\"'\"*\"'\"* | *..*) ;;
  \"git-upload-pack '\"*\"' \"'{folder}/'*) exec git -c 'safe.directory=*' upload-pack \"$place\" ;;
esac
echo 'this server only serves repositories for reading' >&2
exit 1
"
        );
        fs::write(&command, text).unwrap();
        fs::set_permissions(&command, fs::Permissions::from_mode(0o700)).unwrap();
        let lines = [
            &format!("ForceCommand {}", command.display()),
            &format!("AuthorizedKeysFile {}", self.path("client.pub").display()),
            "AuthenticationMethods publickey",
            "PermitRootLogin prohibit-password",
            "UsePAM no",
            // They lie in the folder for temporary files, which belongs to somebody else.
            "StrictModes no",
            "PidFile none",
            "AcceptEnv GIT_PROTOCOL",
            "DisableForwarding yes",
            "PermitTTY no",
            "LogLevel VERBOSE",
        ];
        fs::write(self.path("config"), lines.join("\n") + "\n").unwrap();
    }

    /// Runs a server for one connection, which it ends with.
    fn serve(&self, tcp: &TcpStream, host_key: &str) {
        let end = || Stdio::from(OwnedFd::from(tcp.try_clone().unwrap()));
        let status = Command::new(sshd())
            .args(["-i", "-f"])
            .arg(self.path("config"))
            .arg("-h")
            .arg(self.path(host_key))
            .arg("-E")
            .arg(self.path("log"))
            .env_clear()
            .stdin(end())
            .stdout(end())
            .stderr(Stdio::null())
            .status();
        status.expect("sshd runs");
    }
}

/// It wants to be called by its whole path, and /usr/sbin is seldom on a user's.
fn sshd() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|folder| folder.join("sshd"));
    places.find(|place| place.is_file()).unwrap_or_else(|| "/usr/sbin/sshd".into())
}

/// What a program prints, without the end of the line.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("OpenSSH and coreutils are installed");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

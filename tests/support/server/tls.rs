use std::{fs, path::PathBuf, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivatePkcs8KeyDer};
use tempfile::TempDir;

/// Who signs certificates, known to nobody but whom a test tells of its file.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate with its key, as a server uses it.
#[derive(Debug, Clone)]
pub struct Certificate(pub(super) Arc<ServerConfig>);

impl Authority {
    /// # Panics
    /// When there is no place for its file.
    #[must_use]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        let mut parameters = CertificateParams::default();
        // OpenSSL takes a certificate for its own issuer where both have one name.
        parameters.distinguished_name.push(DnType::CommonName, "Authority of the tests");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("authority.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    /// Its own certificate, for `SSL_CERT_FILE` and git's `http.sslCAInfo`.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// A good one for these names and addresses.
    ///
    /// # Panics
    /// When a name is none.
    #[must_use]
    pub fn certificate(&self, hosts: &[&str]) -> Certificate {
        self.sign(parameters(hosts))
    }

    /// One that ended years ago.
    ///
    /// # Panics
    /// When a name is none.
    #[must_use]
    pub fn expired(&self, hosts: &[&str]) -> Certificate {
        let mut parameters = parameters(hosts);
        parameters.not_before = date_time_ymd(2019, 1, 1);
        parameters.not_after = date_time_ymd(2020, 1, 1);
        self.sign(parameters)
    }

    fn sign(&self, parameters: CertificateParams) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
            .unwrap();
        Certificate(Arc::new(config))
    }
}

fn parameters(hosts: &[&str]) -> CertificateParams {
    CertificateParams::new(hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>()).unwrap()
}

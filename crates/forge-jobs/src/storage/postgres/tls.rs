//! Encryption, by the words of libpq's `sslmode`.

use crate::config::{PostgresConfig, TlsMode};
use crate::storage::StorageError;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use tokio_postgres_rustls::MakeRustlsConnect;

/// What makes encrypted connections for these settings.
pub(super) fn connector(settings: &PostgresConfig) -> Result<MakeRustlsConnect, StorageError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| bad("TLS", e))?;
    let verifier = verifier(settings, provider)?;
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let config = match settings.tls_client() {
        Some((cert, key)) => {
            let chain = certificates(cert)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|e| bad_file(key, e))?;
            builder.with_client_auth_cert(chain, key).map_err(|e| bad("the client certificate", e))?
        }
        None => builder.with_no_client_auth(),
    };
    Ok(MakeRustlsConnect::new(config))
}

fn verifier(
    settings: &PostgresConfig,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, StorageError> {
    let root = settings.tls_root_cert();
    let level = match settings.tls() {
        TlsMode::VerifyFull => Level::Full,
        TlsMode::VerifyCa => Level::Chain,
        // As libpq does: who names an authority wants it to be asked.
        TlsMode::Require if root.is_some() => Level::Chain,
        _ => return Ok(Arc::new(Verifier { inner: None, level: Level::None, provider })),
    };
    let mut roots = RootCertStore::empty();
    match root {
        Some(file) => {
            for cert in certificates(file)? {
                roots.add(cert).map_err(|e| bad_file(file, e))?;
            }
        }
        None => {
            // Those of the system; one that cannot be read is left out, as everywhere.
            let (_, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        let detail =
            "no certificate authority is known on this machine: set sslrootcert, or install the system's";
        return Err(StorageError::unavailable(detail));
    }
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|e| bad("the certificate authorities", e))?;
    Ok(Arc::new(Verifier { inner: Some(inner), level, provider }))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, StorageError> {
    let certs = CertificateDer::pem_file_iter(file).map_err(|e| bad_file(file, e))?;
    certs.collect::<Result<_, _>>().map_err(|e| bad_file(file, e))
}

fn bad_file(file: &Path, e: impl Display) -> StorageError {
    bad(&file.display().to_string(), e)
}

fn bad(what: &str, e: impl Display) -> StorageError {
    StorageError::unavailable(format!("{what} cannot be used for TLS: {e}"))
}

/// How much of a certificate is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// Nothing: `prefer` and `require` protect from listeners only.
    None,
    /// That a trusted authority signed it.
    Chain,
    /// And that it is this host's.
    Full,
}

#[derive(Debug)]
struct Verifier {
    /// `None` verifies nothing.
    inner: Option<Arc<WebPkiServerVerifier>>,
    level: Level,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(inner) = &self.inner else { return Ok(ServerCertVerified::assertion()) };
        match inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.level == Level::Chain => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

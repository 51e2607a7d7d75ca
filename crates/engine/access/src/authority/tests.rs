//! What the authority signs is taken by real TLS, and its folder survives what happens to folders.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn authority() -> Authority {
    Authority::load_or_create(tempfile::tempdir().unwrap().path()).unwrap()
}

fn roots(authority: &Authority) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes()).unwrap()).unwrap();
    Arc::new(roots)
}

fn chain(identity: &Identity) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let certificate = CertificateDer::from_pem_slice(identity.certificate_pem.as_bytes()).unwrap();
    (vec![certificate], PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap())
}

/// Shakes hands in memory; returns the user that the server saw.
fn handshake(
    trusted: &Authority,
    server: &Identity,
    client: &Identity,
    name: &str,
) -> Result<crate::User, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(roots(trusted), provider.clone()).build().unwrap();
    let (server_chain, server_key) = chain(server);
    let server_config = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(server_chain, server_key)
        .unwrap();
    let (client_chain, client_key) = chain(client);
    let client_config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots(trusted))
        .with_client_auth_cert(client_chain, client_key)
        .unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(client_config), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server_config)).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets().map_err(|error| format!("server: {error}"))?;
        wire.clear();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets().map_err(|error| format!("client: {error}"))?;
    }
    Ok(crate::user_of_certificate(&server.peer_certificates().unwrap()[0]).unwrap())
}

#[test]
fn its_certificates_are_taken_by_tls_for_their_names_and_addresses() {
    let authority = authority();
    let server = authority
        .issue_server(
            &["kubernetes".to_owned()],
            &["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
            DAY,
        )
        .unwrap();
    let client = authority.issue_client("system:bythos:node", &["system:nodes"], DAY).unwrap();
    for name in ["kubernetes", "127.0.0.1", "::1"] {
        let user = handshake(&authority, &server, &client, name).unwrap();
        assert_eq!(user, crate::User::authenticated("system:bythos:node", &["system:nodes"]));
    }
    handshake(&authority, &server, &client, "other").unwrap_err();
}

#[test]
fn a_client_certificate_does_not_serve_and_a_stranger_is_refused() {
    let (ours, stranger) = (authority(), authority());
    let server = ours.issue_server(&["a.test".to_owned()], &[], DAY).unwrap();
    let client = ours.issue_client("ada", &[], DAY).unwrap();
    assert!(handshake(&ours, &client, &client, "a.test").is_err());
    assert!(handshake(&ours, &server, &server, "a.test").is_err());
    let foreign = stranger.issue_client("ada", &[], DAY).unwrap();
    assert!(handshake(&ours, &server, &foreign, "a.test").is_err());
}

#[test]
fn a_loaded_authority_continues_the_one_that_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let made = Authority::load_or_create(folder.path()).unwrap();
    let loaded = Authority::load_or_create(folder.path()).unwrap();
    assert_eq!(made.certificate_pem(), loaded.certificate_pem());
    let server = loaded.issue_server(&["a.test".to_owned()], &[], DAY).unwrap();
    let client = made.issue_client("ada", &["users"], DAY).unwrap();
    handshake(&made, &server, &client, "a.test").unwrap();
}

#[test]
fn its_files_are_for_the_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.new"), "left behind").unwrap();
    Authority::load_or_create(folder.path()).unwrap();
    for file in ["ca.crt", "ca.key"] {
        let mode = std::fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    assert!(!folder.path().join("ca.new").exists());
}

#[test]
fn a_first_start_that_was_cut_short_is_continued_with_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    Authority::load_or_create(folder.path()).unwrap();
    let key = std::fs::read_to_string(folder.path().join("ca.key")).unwrap();
    std::fs::remove_file(folder.path().join("ca.crt")).unwrap();
    Authority::load_or_create(folder.path()).unwrap();
    assert_eq!(std::fs::read_to_string(folder.path().join("ca.key")).unwrap(), key);
}

#[test]
fn a_damaged_folder_is_refused_with_what_to_do_and_left_as_it_is() {
    type Damage = fn(&Path);
    let cases: [(Damage, &str); 4] = [
        (|folder| std::fs::remove_file(folder.join("ca.key")).unwrap(), "put the key back from a backup"),
        (|folder| std::fs::write(folder.join("ca.key"), "no").unwrap(), "no private key in PEM"),
        (|folder| std::fs::write(folder.join("ca.crt"), "no").unwrap(), "not the key of the certificate"),
        (
            |folder| {
                let other = KeyPair::generate().unwrap();
                std::fs::write(folder.join("ca.key"), other.serialize_pem()).unwrap();
            },
            "put back the two files that belong together",
        ),
    ];
    for (damage, words) in cases {
        let folder = tempfile::tempdir().unwrap();
        Authority::load_or_create(folder.path()).unwrap();
        damage(folder.path());
        let before = std::fs::read(folder.path().join("ca.crt")).unwrap();
        let error = Authority::load_or_create(folder.path()).err().unwrap().to_string();
        assert!(error.contains(words), "{error}");
        assert_eq!(std::fs::read(folder.path().join("ca.crt")).unwrap(), before);
    }
}

#[test]
fn several_groups_are_refused_rather_than_dropped() {
    let error = authority().issue_client("ada", &["a", "b"], DAY).err().unwrap();
    assert!(error.to_string().contains("one group, but 2 were asked for"), "{error}");
}

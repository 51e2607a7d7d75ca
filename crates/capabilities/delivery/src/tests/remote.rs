//! Manifests that a kustomization names by address.

use bythos_kustomize::Fetched;
use bythos_testing::Engine;

use super::site::Site;
use crate::remote::Remote;
use crate::web::Certificates;

/// The file, or why there is none, as a build asks for it: from a thread of its own.
async fn fetched(engine: &Engine, site: &Site, url: String) -> Result<Vec<u8>, String> {
    let mut remote = Remote::new(engine.admin.clone());
    let (certificate, key) = &site.client_pem;
    remote.certificates = Certificates {
        authority_pem: Some(site.authority_pem.clone().into_bytes()),
        client: Some((certificate.clone().into_bytes(), key.clone().into_bytes())),
    };
    let fetched = tokio::task::spawn_blocking(move || remote.fetch(&url)).await.unwrap()?;
    let Fetched::File(bytes) = fetched else { panic!("a folder") };
    Ok(bytes)
}

#[tokio::test]
async fn a_file_over_https_comes_and_anything_else_is_told() {
    let (engine, site) = (Engine::start().await.unwrap(), Site::secure());
    site.put("a.yaml", "apiVersion: v1\n");
    site.put("page", "<!doctype html>");
    site.redirect("moved.yaml", site.url("a.yaml"));
    site.redirect("unsafe.yaml", "http://127.0.0.1:1/a.yaml".to_owned());
    site.announce("large.yaml", 1 << 40);
    let fetch = |path: &str| fetched(&engine, &site, site.url(path));
    assert_eq!(fetch("a.yaml").await.unwrap(), b"apiVersion: v1\n");
    assert_eq!(fetch("moved.yaml").await.unwrap(), b"apiVersion: v1\n");
    let cases = [
        ("page", "there is a web page, and no manifest"),
        ("unsafe.yaml", "only https:// is followed here"),
        ("large.yaml", "bytes"),
        ("gone.yaml", "404"),
    ];
    for (path, expected) in cases {
        let error = fetch(path).await.unwrap_err();
        assert!(error.contains(expected), "{path}: {error}");
    }
}

//! Tokens in Secrets, and roles that are the sum of others.

use anyhow::Result;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::{Api, ResourceExt as _};
use serde_json::json;

use crate::support::{AUTHORITY, Stage, create, merge};

fn token_secret(name: &str, account: &str) -> serde_json::Value {
    json!({
        "metadata": { "name": name, "annotations": { "kubernetes.io/service-account.name": account } },
        "type": "kubernetes.io/service-account-token",
    })
}

fn text<'a>(secret: &'a Secret, key: &str) -> Option<&'a str> {
    std::str::from_utf8(&secret.data.as_ref()?.get(key)?.0).ok()
}

#[tokio::test]
async fn a_token_secret_is_filled_and_ends_with_its_account() -> Result<()> {
    let stage = Stage::start().await?;
    let (accounts, secrets) = (stage.api::<ServiceAccount>(), stage.api::<Secret>());
    create(&accounts, json!({ "metadata": { "name": "robot" } })).await?;
    create(&secrets, token_secret("key", "robot")).await?;
    let token =
        stage.until("the token", &secrets, "key", |secret| text(secret, "token").map(str::to_owned)).await?;
    let secret = secrets.get("key").await?;
    assert_eq!((text(&secret, "ca.crt"), text(&secret, "namespace")), (Some(AUTHORITY), Some("default")));
    let account = accounts.get("robot").await?;
    assert_eq!(secret.annotations().get("kubernetes.io/service-account.uid"), account.uid().as_ref());

    let reviews = Api::<TokenReview>::all(stage.client());
    let question = TokenReview {
        spec: TokenReviewSpec { token, ..TokenReviewSpec::default() },
        ..TokenReview::default()
    };
    let status = reviews.create(&Default::default(), &question).await?.status.unwrap_or_default();
    let user = status.user.unwrap_or_default();
    assert_eq!(user.username.as_deref(), Some("system:serviceaccount:default:robot"), "{:?}", status.error);

    accounts.delete("robot", &Default::default()).await?;
    let gone = || async { secrets.get_opt("key").await.ok()?.is_none().then_some(()) };
    bythos_testing::eventually("the secret to go", gone).await?;
    let status = reviews.create(&Default::default(), &question).await?.status.unwrap_or_default();
    assert_eq!(status.authenticated, None);
    Ok(())
}

#[tokio::test]
async fn a_token_secret_of_no_account_goes() -> Result<()> {
    let stage = Stage::start().await?;
    let secrets = stage.api::<Secret>();
    create(&secrets, token_secret("key", "nobody")).await?;
    let gone = || async { secrets.get_opt("key").await.ok()?.is_none().then_some(()) };
    bythos_testing::eventually("the secret to go", gone).await
}

#[tokio::test]
async fn an_aggregated_role_holds_what_it_sums_up() -> Result<()> {
    let stage = Stage::start().await?;
    let roles = Api::<ClusterRole>::all(stage.client());
    let holds = |resource: &'static str| {
        move |role: &ClusterRole| {
            let mut resources = role.rules.iter().flatten().flat_map(|rule| rule.resources.iter().flatten());
            resources.any(|held| held == resource).then_some(())
        }
    };
    stage.until("what edit holds", &roles, "admin", holds("pods/exec")).await?;
    let widgets = json!({
        "metadata": { "name": "widgets", "labels": { "rbac.authorization.k8s.io/aggregate-to-view": "true" } },
        "rules": [{ "apiGroups": ["example.org"], "resources": ["widgets"], "verbs": ["get"] }],
    });
    create(&roles, widgets).await?;
    for role in ["view", "edit", "admin"] {
        stage.until("widgets", &roles, role, holds("widgets")).await?;
    }
    merge(&roles, "widgets", json!({ "rules": [] })).await?;
    let dropped = |role: &ClusterRole| holds("widgets")(role).is_none().then_some(());
    stage.until("widgets to be dropped", &roles, "admin", dropped).await
}

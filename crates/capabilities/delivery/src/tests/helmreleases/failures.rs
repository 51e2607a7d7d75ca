//! Releases that fail: tried again, made up for, tested.

use bythos_operator::condition::{get, is_true};
use serde_json::json;

use super::super::harness::{Delivery, maps, pairs};
use super::super::releases::site::finish_jobs;
use super::published::{Published, ask, history, release, says};

/// A Job that fails, after each install and upgrade.
const BROKEN: (&str, &str) = (
    "templates/job.yaml",
    "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: fails\n  annotations: {helm.sh/hook: \
     'post-install,post-upgrade'}\nspec:\n  template:\n    spec: {restartPolicy: Never, containers: [{name: a, image: \
     'a:1'}]}\n",
);

fn test_called(name: &str) -> String {
    BROKEN.1.replace("name: fails", &format!("name: {name}")).replace("'post-install,post-upgrade'", "test")
}

#[tokio::test]
async fn a_failed_upgrade_is_rolled_back_and_the_next_version_tried_again() {
    let delivery = Delivery::start().await;
    finish_jobs(delivery.engine.admin.clone());
    let published = Published::new("web");
    published.publish(&delivery, "1.0.0", &[]).await;
    let upgrade = json!({ "remediation": { "retries": 0, "remediateLastFailure": true } });
    release(&delivery, "web", &json!({ "upgrade": upgrade })).await;
    says(&delivery, "web", "True", "InstallSucceeded", "").await;
    published.publish(&delivery, "1.1.0", &[BROKEN]).await;
    let words = "Helm rollback to previous release shop/web.v1 with chart web@1.0.0 succeeded";
    let object = says(&delivery, "web", "False", "RollbackSucceeded", words).await;
    let conditions = object.status.unwrap().conditions;
    let released = get(&conditions, "Released").unwrap();
    assert_eq!((released.status.as_str(), released.reason.as_str()), ("False", "UpgradeFailed"));
    let words = "Helm upgrade failed for release shop/web with chart web@1.1.0: post-upgrade hooks failed: \
                 Job/shop/fails failed: it does fail";
    assert_eq!(released.message, words);
    super::super::harness::eventually("it to stall", || async {
        let object = says(&delivery, "web", "False", "RollbackSucceeded", "").await;
        let stalled = get(&object.status?.conditions, "Stalled")?.clone();
        (stalled.reason == "RetriesExceeded" && stalled.message == "Failed to upgrade after 1 attempt(s)")
            .then_some(())
    })
    .await
    .unwrap();
    assert_eq!(
        history(&delivery, "web").await,
        ["1 superseded web@1.0.0", "2 failed web@1.1.0", "3 deployed web@1.0.0"]
    );
    published.publish(&delivery, "1.2.0", &[]).await;
    let object = says(&delivery, "web", "True", "UpgradeSucceeded", "shop/web.v4 with chart web@1.2.0").await;
    let status = object.status.unwrap();
    assert_eq!((status.failures, status.upgrade_failures), (0, 0));
    assert!(!is_true(&status.conditions, "Stalled") && get(&status.conditions, "Remediated").is_none());
}

#[tokio::test]
async fn a_failed_install_is_taken_away_and_tried_again_as_often_as_asked() {
    let delivery = Delivery::start().await;
    finish_jobs(delivery.engine.admin.clone());
    let published = Published::new("web");
    published.publish(&delivery, "1.0.0", &[BROKEN]).await;
    release(&delivery, "web", &json!({ "install": { "remediation": { "retries": 1 } } })).await;
    super::super::harness::eventually("it to stall", || async {
        let object = says(&delivery, "web", "False", "InstallFailed", "").await;
        let status = object.status?;
        let stalled = get(&status.conditions, "Stalled")?;
        (stalled.reason == "RetriesExceeded" && status.install_failures == 2).then_some(())
    })
    .await
    .unwrap();
    assert_eq!(history(&delivery, "web").await, ["1 failed web@1.0.0"]);
    // Failures are forgotten where that is asked, and by a new chart.
    ask(&delivery, "web", &["reconcile.fluxcd.io/resetAt"]).await;
    published.publish(&delivery, "1.0.1", &[]).await;
    says(&delivery, "web", "True", "UpgradeSucceeded", "web@1.0.1").await;
}

#[tokio::test]
async fn a_release_that_is_to_be_retried_is_not_made_up_for() {
    let delivery = Delivery::start().await;
    finish_jobs(delivery.engine.admin.clone());
    let published = Published::new("web");
    published.publish(&delivery, "1.0.0", &[BROKEN]).await;
    let strategy = json!({ "strategy": { "name": "RetryOnFailure", "retryInterval": "1s" } });
    release(&delivery, "web", &json!({ "install": strategy, "upgrade": strategy })).await;
    says(&delivery, "web", "False", "UpgradeFailed", "").await;
    let lines = history(&delivery, "web").await;
    assert_eq!(lines[0], "1 failed web@1.0.0");
    assert!(lines.len() > 1, "{lines:?}");
    published.publish(&delivery, "1.0.1", &[]).await;
    says(&delivery, "web", "True", "UpgradeSucceeded", "web@1.0.1").await;
}

#[tokio::test]
async fn tests_decide_whether_a_release_is_ready() {
    let delivery = Delivery::start().await;
    finish_jobs(delivery.engine.admin.clone());
    let published = Published::new("web");
    let (good, bad) = (test_called("good"), test_called("fails"));
    published.publish(&delivery, "1.0.0", &[("templates/good.yaml", good.as_str())]).await;
    release(&delivery, "web", &json!({ "test": { "enable": true } })).await;
    let words = "Helm test succeeded for release shop/web.v1 with chart web@1.0.0: 1 test hook completed successfully";
    let object = says(&delivery, "web", "True", "TestSucceeded", words).await;
    let tests = object.status.unwrap().history[0].test_hooks.clone().unwrap();
    assert_eq!(tests["good"].phase.as_deref(), Some("Succeeded"));
    published.publish(&delivery, "1.1.0", &[("templates/bad.yaml", bad.as_str())]).await;
    let words = "Helm test failed for release shop/web.v2 with chart web@1.1.0: ";
    says(&delivery, "web", "False", "TestFailed", words).await;
    // A test that is left out decides nothing.
    let filtered = json!({ "test": { "enable": true, "filters": [{ "name": "fails", "exclude": true }] } });
    published.publish(&delivery, "1.2.0", &[("templates/bad.yaml", bad.as_str())]).await;
    release(&delivery, "web", &filtered).await;
    says(&delivery, "web", "True", "TestSucceeded", "web@1.2.0: no test hooks").await;
}

#[tokio::test]
async fn a_template_that_fails_is_told_and_changes_nothing() {
    let delivery = Delivery::start().await;
    let published = Published::new("web");
    published.publish(&delivery, "1.0.0", &[]).await;
    release(&delivery, "web", &json!({})).await;
    says(&delivery, "web", "True", "InstallSucceeded", "").await;
    published.publish(&delivery, "1.1.0", &[("templates/bad.yaml", "{{ fail \"no such thing\" }}")]).await;
    let words = "Helm upgrade failed for release shop/web with chart web@1.1.0: ";
    let object = says(&delivery, "web", "False", "UpgradeFailed", words).await;
    let ready = get(&object.status.unwrap().conditions, "Ready").unwrap().message.clone();
    assert!(ready.contains("no such thing"), "{ready}");
    assert_eq!(history(&delivery, "web").await, ["1 deployed web@1.0.0"]);
    assert_eq!(maps(&delivery).await, pairs(&[("web", "none")]));
}

//! The part is killed after each write of an upgrade in turn: what it finds when it comes back, it brings to its end.

use serde_json::json;

use super::super::harness::{Delivery, maps, pairs};
use super::super::releases::site::finish_jobs;
use super::published::{Published, history, release, says};

/// A Job that ends well, before each upgrade.
const HOOK: (&str, &str) = (
    "templates/job.yaml",
    "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: migrate\n  annotations: {helm.sh/hook: pre-upgrade}\nspec:\n  \
     template:\n    spec: {restartPolicy: Never, containers: [{name: a, image: 'a:1'}]}\n",
);

#[tokio::test]
async fn killed_between_any_two_writes_an_upgrade_converges() {
    let mut delivery = Delivery::start().await;
    finish_jobs(delivery.engine.admin.clone());
    let published = Published::new("web");
    published.publish(&delivery, "1.0.0", &[HOOK]).await;
    release(&delivery, "web", &json!({ "values": { "color": "0" } })).await;
    says(&delivery, "web", "True", "InstallSucceeded", "").await;
    for writes in 0.. {
        delivery.kill().await;
        let version = format!("1.{}.0", writes + 1);
        let color = (writes + 1).to_string();
        published.publish(&delivery, &version, &[HOOK]).await;
        release(&delivery, "web", &json!({ "values": { "color": color } })).await;
        delivery.resume_with_writes(writes).await;
        let words = format!("with chart web@{version}");
        let is_cut_short = tokio::select! {
            () = delivery.writes_are_over() => true,
            _ = says(&delivery, "web", "True", "UpgradeSucceeded", &words) => false,
        };
        if !is_cut_short {
            assert!(writes > 5, "an upgrade and its reports are more than {writes} writes");
            break;
        }
        delivery.kill().await;
        delivery.resume().await;
        says(&delivery, "web", "True", "UpgradeSucceeded", &words).await;
        assert_eq!(maps(&delivery).await, pairs(&[("web", color.as_str())]), "after {writes} writes");
        let last = history(&delivery, "web").await.pop().unwrap();
        assert!(last.ends_with(&format!("deployed web@{version}")), "{last} after {writes} writes");
    }
}

//! The part is killed after each write of an action in turn: what it finds when it comes back, it brings to its end.

use bythos_api::helmrelease::HelmRelease;
use bythos_operator::condition::get;
use serde_json::{Value, json};

use super::super::harness::{Delivery, eventually, maps, pairs};
use super::super::releases::site::finish_jobs;
use super::published::{Published, delete, has_gone, history, map_becomes, release, says, settled};

/// A Job that ends well, to be run as this hook.
fn job(name: &str, hook: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {name}\n  annotations: {{helm.sh/hook: {hook}}}\nspec:\n  \
         template:\n    spec: {{restartPolicy: Never, containers: [{{name: a, image: 'a:1'}}]}}\n"
    )
}

/// One way of being killed: `prepare` happens while the part is at work, `begin` while it is not, and `end` waits until what
/// was begun is done, and holds it against what it should be. Each gets the number of writes that are let through.
async fn killed_after_each_write(
    delivery: &mut Delivery,
    prepare: impl AsyncFn(&Delivery, usize),
    begin: impl AsyncFn(&Delivery, usize),
    end: impl AsyncFn(&Delivery, usize),
) {
    for writes in 0.. {
        prepare(delivery, writes).await;
        delivery.kill().await;
        begin(delivery, writes).await;
        delivery.resume_with_writes(writes).await;
        let is_cut_short = tokio::select! {
            () = delivery.writes_are_over() => true,
            () = end(delivery, writes) => false,
        };
        if !is_cut_short {
            assert!(writes > 5, "it and its reports are more than {writes} writes");
            return;
        }
        delivery.kill().await;
        delivery.resume().await;
        end(delivery, writes).await;
    }
}

fn colored(color: &str, more: &Value) -> Value {
    let mut fields = json!({ "values": { "color": color } });
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fields
}

#[track_caller]
fn check_last(history: &[String], expected: &str, writes: usize) {
    let last = history.last().map(String::as_str).unwrap_or_default();
    assert!(last.ends_with(expected), "{last} after {writes} writes");
}

#[tokio::test]
async fn an_upgrade_converges() {
    let mut delivery = Delivery::start().await;
    finish_jobs(delivery.engine.admin.clone());
    let published = Published::new("web");
    let hook = job("migrate", "pre-upgrade");
    let files = [("templates/job.yaml", hook.as_str())];
    published.publish(&delivery, "1.0.0", &files).await;
    release(&delivery, "web", &colored("first", &json!({}))).await;
    says(&delivery, "web", "True", "InstallSucceeded", "").await;
    let version = |writes: usize| format!("1.{}.0", writes + 1);
    killed_after_each_write(
        &mut delivery,
        async |_, _| {},
        async |delivery, writes| {
            published.publish(delivery, &version(writes), &files).await;
            release(delivery, "web", &colored(&writes.to_string(), &json!({}))).await;
        },
        async |delivery, writes| {
            let words = format!("with chart web@{}", version(writes));
            says(delivery, "web", "True", "UpgradeSucceeded", &words).await;
            assert_eq!(maps(delivery).await, pairs(&[("web", &writes.to_string())]), "after {writes} writes");
            check_last(&history(delivery, "web").await, &format!("deployed web@{}", version(writes)), writes);
        },
    )
    .await;
}

#[tokio::test]
async fn a_failed_upgrade_is_made_up_for() {
    let mut delivery = Delivery::start().await;
    finish_jobs(delivery.engine.admin.clone());
    let published = Published::new("web");
    let remediation = json!({ "upgrade": { "remediation": { "retries": 0, "remediateLastFailure": true } } });
    // It fails: so `finish_jobs` has it.
    let broken = job("fails", "post-upgrade");
    let (good, bad) = (|round: usize| format!("1.{round}.0"), |round: usize| format!("1.{round}.1"));
    killed_after_each_write(
        &mut delivery,
        async |delivery, writes| {
            published.publish(delivery, &good(writes), &[]).await;
            release(delivery, "web", &colored("good", &remediation)).await;
            says(delivery, "web", "True", "", &format!("with chart web@{}", good(writes))).await;
            map_becomes(delivery, "good").await;
            settled(delivery, "web").await;
        },
        async |delivery, writes| {
            published.publish(delivery, &bad(writes), &[("templates/job.yaml", &broken)]).await;
            release(delivery, "web", &colored("bad", &remediation)).await;
        },
        async |delivery, writes| {
            let api = delivery.api::<HelmRelease>("flux-system");
            let last = std::sync::Mutex::new(None);
            let stalled = eventually("it to be rolled back, and to stall", || async {
                let status = api.get("web").await.unwrap().status?;
                *last.lock().unwrap() = Some(status.clone());
                let is_about = status.last_attempted_revision == Some(bad(writes));
                let says = |type_: &str, reason: &str| {
                    get(&status.conditions, type_)
                        .is_some_and(|it| it.status == "True" && it.reason == reason)
                };
                (is_about && says("Remediated", "RollbackSucceeded") && says("Stalled", "RetriesExceeded"))
                    .then_some(())
            });
            if stalled.await.is_err() {
                panic!("after {writes} writes: {:#?}", last.lock().unwrap());
            }
            assert_eq!(maps(delivery).await, pairs(&[("web", "good")]), "after {writes} writes");
            check_last(&history(delivery, "web").await, &format!("deployed web@{}", good(writes)), writes);
        },
    )
    .await;
}

#[tokio::test]
async fn the_tests_of_a_release_are_run() {
    let mut delivery = Delivery::start().await;
    finish_jobs(delivery.engine.admin.clone());
    let published = Published::new("web");
    let test = job("check", "test");
    let tested = json!({ "test": { "enable": true } });
    let version = |writes: usize| format!("1.{writes}.0");
    killed_after_each_write(
        &mut delivery,
        async |_, _| {},
        async |delivery, writes| {
            published.publish(delivery, &version(writes), &[("templates/check.yaml", &test)]).await;
            release(delivery, "web", &tested).await;
        },
        async |delivery, writes| {
            let words = format!("with chart web@{}", version(writes));
            let object = says(delivery, "web", "True", "TestSucceeded", &words).await;
            let snapshot = object.status.unwrap().history.remove(0);
            let run = &snapshot.test_hooks.unwrap()["check"];
            assert_eq!(run.phase.as_deref(), Some("Succeeded"), "after {writes} writes");
            check_last(&history(delivery, "web").await, &format!("deployed web@{}", version(writes)), writes);
        },
    )
    .await;
}

#[tokio::test]
async fn a_release_goes_with_its_object() {
    let mut delivery = Delivery::start().await;
    finish_jobs(delivery.engine.admin.clone());
    let published = Published::new("web");
    let hook = job("farewell", "pre-delete");
    published.publish(&delivery, "1.0.0", &[("templates/job.yaml", &hook)]).await;
    killed_after_each_write(
        &mut delivery,
        async |delivery, _| {
            release(delivery, "web", &json!({})).await;
            says(delivery, "web", "True", "InstallSucceeded", "").await;
        },
        async |delivery, _| delete(delivery, "web").await,
        async |delivery, writes| {
            has_gone(delivery, "web").await;
            assert_eq!(maps(delivery).await, pairs(&[]), "after {writes} writes");
            assert_eq!(history(delivery, "web").await, [""; 0], "after {writes} writes");
        },
    )
    .await;
}

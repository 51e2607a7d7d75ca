//! Whoever carries a plan out is killed after each write in turn: what comes out is what comes out when nobody is killed.

use std::collections::BTreeMap;
use std::sync::Arc;

use bythos_helm::plan::{CrdPolicy, Plan, Rollback, Uninstall, install, rollback, test, uninstall, upgrade};
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::super::lossy::Writes;
use super::site::{APPLICATION, Site, chart};
use super::{install as install_request, options, upgrade as upgrade_request};

/// What is done, and killed.
#[derive(Clone, Copy)]
enum Act {
    Install,
    Upgrade,
    Rollback,
    Uninstall,
    Test,
}

/// A Job that ends well, to be run as a test.
const TEST: (&str, &str) = (
    "templates/test.yaml",
    "apiVersion: batch/v1\nkind: Job\nmetadata: {name: test, annotations: {helm.sh/hook: test}}\nspec:\n  template:\n    \
     spec: {restartPolicy: Never, containers: [{name: a, image: 'a:1'}]}\n",
);

async fn plan(site: &Site, act: Act) -> Plan {
    let chart = chart(&[APPLICATION, &[TEST]].concat());
    let history = site.history().await;
    let record = |values: Value| site.rendered(&chart, values, CrdPolicy::Skip);
    match act {
        Act::Install => install(record(json!({})).await.unwrap(), &history, &install_request()).unwrap(),
        Act::Upgrade => {
            let changed = record(json!({ "color": "red", "old": false })).await.unwrap();
            upgrade(changed, &history, &upgrade_request()).unwrap()
        }
        Act::Rollback => {
            let request = Rollback { options: options(), revision: Some(1) };
            rollback("rel", &history, &request, Timestamp::now()).unwrap()
        }
        Act::Uninstall => uninstall("rel", &history, &uninstall_request()).unwrap(),
        Act::Test => test("rel", &history, &options()).unwrap(),
    }
}

fn uninstall_request() -> Uninstall {
    Uninstall { options: options(), keep_history: true, ..Uninstall::default() }
}

async fn start(act: Act) -> Site {
    let site = Site::start().await;
    site.finish_jobs();
    let before: &[Act] = match act {
        Act::Install => &[],
        Act::Rollback => &[Act::Install, Act::Upgrade],
        Act::Upgrade | Act::Uninstall | Act::Test => &[Act::Install],
    };
    for act in before {
        let earlier = plan(&site, *act).await;
        site.releases().carried(earlier).await.unwrap();
    }
    site
}

type Outcome = (Vec<String>, BTreeMap<&'static str, Vec<String>>, Option<Value>);

async fn outcome(site: &Site) -> Outcome {
    let mut names = BTreeMap::new();
    for kind in ["configmaps", "services", "serviceaccounts", "jobs"] {
        names.insert(kind, site.names(kind).await);
    }
    let data = if names["configmaps"].is_empty() { None } else { Some(site.data("config").await) };
    (site.statuses().await, names, data)
}

/// Goes on with what was begun; what never began is done from the start.
async fn converge(site: &Site, act: Act, wanted: &[String]) {
    let releases = site.releases();
    let history = site.history().await;
    let resumed = releases.resume(history, &options(), &uninstall_request()).await.unwrap();
    // Nothing says that a test is under way: it is run again.
    if resumed.is_none() && (matches!(act, Act::Test) || site.statuses().await != wanted) {
        let again = plan(site, act).await;
        releases.carried(again).await.unwrap();
    }
}

async fn check(act: Act) {
    let undisturbed = start(act).await;
    let whole = plan(&undisturbed, act).await;
    undisturbed.releases().carried(whole).await.unwrap();
    let wanted = outcome(&undisturbed).await;
    for count in 0.. {
        let site = start(act).await;
        let plan = Arc::new(plan(&site, act).await);
        let writes = Writes::of(count);
        let killed = site.releases_with(writes.through(&site.engine.admin));
        let is_cut_short = tokio::select! {
            () = writes.are_over() => true,
            done = killed.carry_out(&plan) => { done.unwrap(); false }
        };
        if !is_cut_short {
            let least = if matches!(act, Act::Test) { 2 } else { 5 };
            assert!(count > least, "it is more than {count} writes");
            return;
        }
        drop(killed);
        converge(&site, act, &wanted.0).await;
        assert_eq!(outcome(&site).await, wanted, "killed after {count} writes");
    }
}

#[tokio::test]
async fn an_install_goes_on_from_wherever_it_was_killed() {
    check(Act::Install).await;
}

#[tokio::test]
async fn an_upgrade_goes_on_from_wherever_it_was_killed() {
    check(Act::Upgrade).await;
}

#[tokio::test]
async fn a_rollback_goes_on_from_wherever_it_was_killed() {
    check(Act::Rollback).await;
}

#[tokio::test]
async fn tests_are_run_again_from_wherever_they_were_killed() {
    check(Act::Test).await;
}

#[tokio::test]
async fn an_uninstall_goes_on_from_wherever_it_was_killed() {
    check(Act::Uninstall).await;
}

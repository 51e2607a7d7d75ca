//! Whoever carries a plan out is killed after each write in turn: what comes out is what comes out when nobody is killed.

use std::collections::BTreeMap;
use std::sync::Arc;

use bythos_helm::plan::{CrdPolicy, Plan, Uninstall, install, uninstall, upgrade};
use serde_json::{Value, json};

use super::super::lossy::Writes;
use super::site::{APPLICATION, Site, chart};
use super::{install as install_request, options, upgrade as upgrade_request};

/// What is done, and killed.
#[derive(Clone, Copy)]
enum Act {
    Install,
    Upgrade,
    Uninstall,
}

async fn plan(site: &Site, act: Act) -> Plan {
    let chart = chart(APPLICATION);
    let history = site.history().await;
    let record = |values: Value| site.rendered(&chart, values, CrdPolicy::Skip);
    match act {
        Act::Install => install(record(json!({})).await.unwrap(), &history, &install_request()).unwrap(),
        Act::Upgrade => {
            let changed = record(json!({ "color": "red", "old": false })).await.unwrap();
            upgrade(changed, &history, &upgrade_request()).unwrap()
        }
        Act::Uninstall => uninstall("rel", &history, &uninstall_request()).unwrap(),
    }
}

fn uninstall_request() -> Uninstall {
    Uninstall { options: options(), keep_history: true, ..Uninstall::default() }
}

async fn start(act: Act) -> Site {
    let site = Site::start().await;
    site.finish_jobs();
    if !matches!(act, Act::Install) {
        let first = plan(&site, Act::Install).await;
        site.releases().carried(first).await.unwrap();
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
    if resumed.is_none() && site.statuses().await != wanted {
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
            assert!(count > 5, "it is more than {count} writes");
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
async fn an_uninstall_goes_on_from_wherever_it_was_killed() {
    check(Act::Uninstall).await;
}

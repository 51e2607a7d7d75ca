use std::sync::Arc;

use crate::testing::{commit, commit_each, create, delete, in_memory, listed, scope, update};
use crate::{Page, Revision, Store};

/// Five objects of two resources in two namespaces, at revisions 1 to 5.
fn filled() -> Store {
    let store = in_memory(100);
    let names = ["pods/b/1", "pods/a/2", "nodes//n", "pods/b/2", "pods/a/1"];
    commit_each(&store, names.into_iter().map(create));
    store
}

fn after(namespace: &str, name: &str) -> Option<(Arc<str>, Arc<str>)> {
    Some((namespace.into(), name.into()))
}

#[track_caller]
fn check(scope_path: &str, page: &Page, expected: &[&str], remaining: usize) {
    let store = filled();
    let listing = store.list(&scope(scope_path), page).expect("the revision is retained");
    let name = |entry: &Arc<crate::Entry>| format!("{}/{}", entry.key.namespace, entry.key.name);
    let names: Vec<_> = listing.entries.iter().map(name).collect();
    assert_eq!(names, expected, "{scope_path} {page:?}");
    assert_eq!(listing.remaining, remaining, "{scope_path} {page:?}");
}

#[test]
fn a_list_holds_what_is_in_scope_in_order() {
    let all = Page::default();
    check("pods", &all, &["a/1", "a/2", "b/1", "b/2"], 0);
    check("pods/a", &all, &["a/1", "a/2"], 0);
    check("pods/c", &all, &[], 0);
    check("nodes", &all, &["/n"], 0);
    check("secrets", &all, &[], 0);
}

#[test]
fn a_page_begins_after_a_name_and_ends_at_its_limit() {
    let page = |limit, after| Page { limit, at: None, after };
    check("pods", &page(Some(3), None), &["a/1", "a/2", "b/1"], 1);
    check("pods", &page(Some(3), after("b", "1")), &["b/2"], 0);
    check("pods", &page(Some(1), after("a", "1")), &["a/2"], 2);
    check("pods", &page(None, after("a", "zzz")), &["b/1", "b/2"], 0);
    check("pods/b", &page(None, after("a", "1")), &["b/1", "b/2"], 0);
    check("pods/a", &page(None, after("b", "1")), &[], 0);
    check("pods", &page(Some(0), None), &[], 4);
}

#[test]
fn all_pages_show_one_revision_while_writes_go_on() {
    let store = filled();
    let first =
        store.list(&scope("pods"), &Page { limit: Some(2), ..Page::default() }).expect("it is newest");
    let last = first.entries.last().expect("two entries").key.clone();
    commit_each(
        &store,
        vec![
            update("pods/b/1", 1),
            create("pods/b/0"),
            delete("pods/b/2", 4),
            create("pods/b/2"),
            delete("pods/b/1", 6),
        ],
    );
    let next = Page { limit: None, at: Some(first.revision), after: after(&last.namespace, &last.name) };
    let (entries, revision) = listed(&store, "pods", &next);
    assert_eq!((entries, revision), (vec!["b/1=created@1".to_owned(), "b/2=created@4".to_owned()], 5));
    let (entries, revision) = listed(&store, "pods/b", &Page::default());
    assert_eq!((entries, revision), (vec!["b/0=created@7".to_owned(), "b/2=created@9".to_owned()], 10));
}

#[test]
fn every_retained_revision_is_listed_as_it_was() {
    let store = in_memory(100);
    let mut as_it_was = vec![listed(&store, "pods", &Page::default())];
    let mut step = |operation| {
        commit(&store, vec![operation, create(&format!("nodes//{}", as_it_was.len()))]).expect("carried out");
        as_it_was.push(listed(&store, "pods", &Page::default()));
    };
    step(create("pods/a/1"));
    step(create("pods/a/2"));
    step(update("pods/a/1", 1));
    step(delete("pods/a/2", 2));
    step(create("pods/a/2"));
    step(delete("pods/a/1", 3));
    for (revision, expected) in as_it_was.iter().enumerate() {
        let page = Page { at: Some(Revision(revision as u64)), ..Page::default() };
        assert_eq!(&listed(&store, "pods", &page), expected);
    }
}

#[test]
fn a_revision_that_is_not_retained_is_expired() {
    let store = in_memory(2);
    commit_each(&store, ["pods/a/1", "pods/a/2", "nodes//n", "pods/a/3"].into_iter().map(create));
    let at = |revision| store.list(&scope("pods"), &Page { at: Some(Revision(revision)), ..Page::default() });
    let expired = at(1).expect_err("it is forgotten");
    assert_eq!((expired.asked, expired.oldest, expired.newest), (Revision(1), Revision(2), Revision(4)));
    assert_eq!(at(2).expect("it is the oldest").entries.len(), 2);
    assert_eq!(at(4).expect("it is the newest").entries.len(), 3);
    assert_eq!(at(5).expect_err("it was not reached").newest, Revision(4));
}

use super::{Constraint, Version};

#[track_caller]
fn check(constraint: &str, version: &str, expected: bool) {
    let constraint = Constraint::parse(constraint).unwrap();
    assert_eq!(constraint.allows(&Version::parse(version).unwrap()), expected);
}

#[test]
fn a_missing_part_stands_for_any() {
    check("1.2", "1.2.9", true);
    check("1.2", "1.3.0", false);
    check("1", "1.9.9", true);
    check("*", "3.2.1", true);
    check(">11", "11.1.0", false);
    check(">11", "12.0.0", true);
    check("<=11", "11.9.0", true);
    check("!=1.x", "1.5.0", false);
}

#[test]
fn a_prerelease_is_taken_only_by_a_group_that_names_one() {
    check(">=1.20", "1.21.0-gke.1", false);
    check(">=1.20-0", "1.21.0-gke.1", true);
    check(">=1.0.0-alpha <2.0.0", "1.5.0-beta", true);
}

#[test]
fn groups_ranges_and_signs_are_understood() {
    check("<1 || >=2.1", "2.1.0", true);
    check("1.2 - 1.4", "1.4.7", true);
    check("1.2.0 - 1.4.0", "1.4.1", false);
    check(">= 1.2, < 3", "2.0.0", true);
    check("=>1.2 <3", "2.0.0", true);
    check("^0.2.3", "0.2.9", true);
    check("^0.2.3", "0.3.0", false);
    check("^0.0.3", "0.0.4", false);
    check("~1.2.3", "1.2.9", true);
    check("~1", "1.9.0", true);
}

#[test]
fn what_is_no_version_is_refused() {
    for text in ["", "a", "1.2.3.4", "1..2", "1.2.3-", "1.2.3-a..b", "-1"] {
        assert!(Version::parse(text).is_err(), "{text}");
    }
    for text in ["", "foo", "1.2.3.4", ">>1", "1 ~", "1.2,"] {
        assert!(Constraint::parse(text).is_err(), "{text}");
    }
}

//! Which values an upgrade is rendered with.

use serde_json::{Map, Value};

use crate::chart::Chart;
use crate::error::Error;
use crate::release::ReleaseRecord;
use crate::set::UserValues;
use crate::values::coalesced;

/// What becomes of the values that the user gave before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ValuesPolicy {
    /// They are taken if none are given now.
    #[default]
    Default,
    /// `--reset-values`: they are forgotten.
    Reset,
    /// `--reuse-values`: those given now lie over them, and over what the chart said then.
    Reuse,
    /// `--reset-then-reuse-values`: those given now lie over them, and over what the chart says now.
    ResetThenReuse,
}

/// What an upgrade is rendered with.
#[derive(Debug, Clone, PartialEq)]
pub struct UpgradeValues {
    /// The values of the user.
    pub values: UserValues,
    /// What values.yaml of the new chart is to be replaced with, if it is.
    pub chart_values: Option<Map<String, Value>>,
}

impl UpgradeValues {
    /// The chart to render.
    #[must_use]
    pub fn chart(&self, chart: &Chart) -> Chart {
        let mut chart = chart.clone();
        if let Some(values) = &self.chart_values {
            chart.values.clone_from(values);
        }
        chart
    }
}

/// The values for an upgrade from `current` ([`crate::release::History::deployed`]) with what the user gives now.
///
/// # Errors
/// The chart in the record is none, or its values cannot be laid over each other.
pub fn upgrade_values(
    policy: ValuesPolicy,
    current: &ReleaseRecord,
    given: UserValues,
) -> Result<UpgradeValues, Error> {
    let only = |values| UpgradeValues { values, chart_values: None };
    let before = || UserValues::from(current.config.clone());
    match policy {
        ValuesPolicy::Reset => Ok(only(given)),
        ValuesPolicy::Default if given.is_empty() => Ok(only(before())),
        ValuesPolicy::Default => Ok(only(given)),
        ValuesPolicy::ResetThenReuse => Ok(only(given.over(before()))),
        ValuesPolicy::Reuse => {
            let chart = current.chart.read()?;
            let chart_values = chart.map(|chart| coalesced(&chart, &current.config)).transpose()?;
            Ok(UpgradeValues { values: given.over(before()), chart_values })
        }
    }
}

/// The values that a revision was rendered with: what the user gave over what its chart says, and null where the record has
/// no chart.
///
/// # Errors
/// The chart in the record is none, or its values cannot be laid over each other.
pub fn coalesced_values(record: &ReleaseRecord) -> Result<Map<String, Value>, Error> {
    match record.chart.read()? {
        Some(chart) => coalesced(&chart, &record.config),
        None => Ok(record.config.clone()),
    }
}

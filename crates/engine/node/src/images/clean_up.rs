//! Removes images that no container uses when the disk fills up, by upstream's rules ([`ImageGcPolicy`]): the longest
//! unused first, until enough is free. An image that no registry could give again is never removed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::time::Duration;

use bythos_operator::error_chain;
use rustix::fs::statvfs;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{info, warn};

use crate::config::NodeConfig;
use crate::cri::{Cri, CriError, v1};

/// When unused images are removed: the settings of the kubelet that begin with `imageGC`, with its defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageGcPolicy {
    /// From this use of the disk on, images are removed; in percent.
    pub high_threshold_percent: u64,
    /// Until no more than this is used; in percent.
    pub low_threshold_percent: u64,
    /// Younger images stay: one that has just arrived is likely to be used soon.
    pub minimum_age: Duration,
    /// How often it is looked at; nothing tells that a disk fills up.
    pub period: Duration,
}

impl Default for ImageGcPolicy {
    fn default() -> Self {
        ImageGcPolicy {
            high_threshold_percent: 85,
            low_threshold_percent: 80,
            minimum_age: Duration::from_secs(120),
            period: Duration::from_secs(300),
        }
    }
}

/// Use of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Usage {
    bytes: u64,
    available_bytes: u64,
}

impl Usage {
    fn of(path: &Path) -> std::io::Result<Self> {
        let found = statvfs(path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Ok(Usage { bytes: bytes(found.f_blocks), available_bytes: bytes(found.f_bavail) })
    }

    /// Bytes to free, so that no more than the low threshold is used; zero below the high one.
    fn to_free(self, policy: ImageGcPolicy) -> u64 {
        let used_percent =
            100 - self.available_bytes.saturating_mul(100).checked_div(self.bytes).unwrap_or(100).min(100);
        if used_percent < policy.high_threshold_percent {
            return 0;
        }
        let wanted = self.bytes / 100 * 100_u64.saturating_sub(policy.low_threshold_percent);
        wanted.saturating_sub(self.available_bytes)
    }
}

/// When each image was seen first, and seen in use last.
#[derive(Debug, Default)]
struct Records(BTreeMap<String, Record>);

#[derive(Debug, Clone, Copy)]
struct Record {
    seen_at: Instant,
    /// Since this clean-up runs; images that were not used since then come first.
    used_at: Option<Instant>,
}

impl Records {
    fn note(&mut self, images: &[v1::Image], used: &BTreeSet<String>, now: Instant) {
        self.0.retain(|id, _| images.iter().any(|image| image.id == *id));
        for image in images {
            let record = self.0.entry(image.id.clone()).or_insert(Record { seen_at: now, used_at: None });
            if used.contains(&image.id) {
                record.used_at = Some(now);
            }
        }
    }

    /// The images to remove, in order, for `bytes` to become free.
    fn choose<'a>(
        &self,
        images: &'a [v1::Image],
        used: &BTreeSet<String>,
        bytes: u64,
        minimum_age: Duration,
        now: Instant,
    ) -> Vec<&'a v1::Image> {
        let record = |image: &v1::Image| self.0.get(&image.id).copied();
        let may_go = |image: &&v1::Image| {
            let is_old =
                record(image).is_some_and(|record| now.duration_since(record.seen_at) >= minimum_age);
            is_old && !used.contains(&image.id) && can_be_pulled(image)
        };
        let mut candidates: Vec<_> = images.iter().filter(may_go).collect();
        candidates.sort_by_key(|image| record(image).map(|record| (record.used_at, record.seen_at)));
        let mut left = bytes;
        let is_needed = |image: &&v1::Image| {
            let needed = left > 0;
            left = left.saturating_sub(image.size);
            needed
        };
        candidates.into_iter().take_while(is_needed).collect()
    }
}

/// What was built here or imported under the name `localhost/...` is nowhere else.
fn can_be_pulled(image: &v1::Image) -> bool {
    let names = image.repo_tags.iter().chain(&image.repo_digests);
    names.clone().count() > 0 && !names.into_iter().any(|name| name.starts_with("localhost/"))
}

/// Cleans up for ever.
pub(crate) async fn keep_clean(config: NodeConfig, cri: Cri) {
    let mut records = Records::default();
    let mut rounds = tokio::time::interval(config.image_gc.period);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        if let Err(error) = clean_up(&config, &cri, &mut records).await {
            warn!(error = %error_chain(&error), "failed to clean up images");
        }
    }
}

async fn clean_up(config: &NodeConfig, cri: &Cri, records: &mut Records) -> Result<(), CriError> {
    let (images, now) = (cri.images().await?, Instant::now());
    let used: BTreeSet<_> =
        cri.containers(HashMap::new()).await?.into_iter().map(|container| container.image_ref).collect();
    records.note(&images, &used, now);
    let policy = config.image_gc;
    let to_free = match Usage::of(&config.containerd_root()) {
        Ok(usage) => usage.to_free(policy),
        Err(error) => {
            warn!(%error, "nobody knows how full the disk is");
            return Ok(());
        }
    };
    for image in records.choose(&images, &used, to_free, policy.minimum_age, now) {
        info!(image = image.id, bytes = image.size, "the disk is full: removing an image that nobody uses");
        cri.remove_image(&image.id).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE_MIN: Duration = Duration::from_secs(120);

    fn image(id: &str, name: &str, size: u64) -> v1::Image {
        v1::Image { id: id.to_owned(), repo_tags: vec![name.to_owned()], size, ..v1::Image::default() }
    }

    #[track_caller]
    fn check_usage(bytes: u64, available_bytes: u64, expected: u64) {
        assert_eq!(Usage { bytes, available_bytes }.to_free(ImageGcPolicy::default()), expected);
    }

    #[test]
    fn nothing_is_freed_before_the_disk_is_nearly_full() {
        check_usage(1000, 500, 0);
        check_usage(1000, 160, 0);
        check_usage(1000, 150, 50);
        check_usage(1000, 0, 200);
        check_usage(0, 0, 0);
    }

    #[test]
    fn the_longest_unused_go_first_and_no_more_than_needed() {
        let images = [
            image("new", "r.io/new:1", 10),
            image("old", "r.io/old:1", 10),
            image("idle", "r.io/idle:1", 10),
        ];
        let start = Instant::now();
        let mut records = Records::default();
        let used = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
        records.note(&images, &used(&["old", "new"]), start);
        records.note(&images, &used(&["new"]), start + Duration::from_secs(60));
        let later = start + Duration::from_secs(600);
        let chosen = |bytes| -> Vec<&str> {
            let chosen = records.choose(&images, &used(&[]), bytes, AGE_MIN, later);
            chosen.into_iter().map(|image| image.id.as_str()).collect()
        };
        assert_eq!(chosen(0), Vec::<&str>::new());
        assert_eq!(chosen(15), ["idle", "old"]);
        assert_eq!(chosen(100), ["idle", "old", "new"]);
        assert!(records.choose(&images, &used(&["idle"]), 5, AGE_MIN, later)[0].id == "old");
    }

    #[test]
    fn what_is_young_or_from_nowhere_stays() {
        let images = [image("local", "localhost/hello:1", 10), image("young", "r.io/young:1", 10)];
        let start = Instant::now();
        let mut records = Records::default();
        records.note(&images, &BTreeSet::new(), start);
        assert!(
            records
                .choose(&images, &BTreeSet::new(), 100, AGE_MIN, start + Duration::from_secs(119))
                .is_empty()
        );
        let chosen = records.choose(&images, &BTreeSet::new(), 100, AGE_MIN, start + AGE_MIN);
        assert_eq!(chosen.len(), 1);
        assert_eq!(chosen[0].id, "young");
    }
}

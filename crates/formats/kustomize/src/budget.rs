//! How much a build may ask for.

use bythos_yaml::Limits;

use crate::Error;

/// Bounds of one build. Every build takes one; [`Budget::STANDARD`] fits a repository that people write by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Bytes of all files that are read, counted each time.
    pub bytes_max: usize,
    /// Objects at any one time.
    pub objects_max: usize,
    /// Nesting of kustomizations.
    pub depth_max: usize,
    /// Kustomizations that are built, counted each time.
    pub kustomizations_max: usize,
    /// Objects that all steps together go over.
    pub steps_max: usize,
    /// Values in one YAML file, those that aliases repeat included.
    pub values_max: usize,
}

impl Budget {
    /// 50 MiB of files, 20,000 objects, 50 kustomizations deep, 10,000 in all, 20 million steps, a million values in a
    /// file.
    pub const STANDARD: Budget = Budget {
        bytes_max: 50 << 20,
        objects_max: 20_000,
        depth_max: 50,
        kustomizations_max: 10_000,
        steps_max: 20_000_000,
        values_max: 1_000_000,
    };

    pub(crate) fn yaml_limits(self) -> Limits {
        Limits { bytes_max: self.bytes_max, depth_max: 100, values_max: self.values_max }
    }
}

/// What is left of a budget.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(crate) budget: Budget,
    bytes_left: usize,
    kustomizations_left: usize,
    steps_left: usize,
}

impl Meter {
    pub(crate) fn new(budget: Budget) -> Self {
        Meter {
            budget,
            bytes_left: budget.bytes_max,
            kustomizations_left: budget.kustomizations_max,
            steps_left: budget.steps_max,
        }
    }

    pub(crate) fn spend_bytes(&mut self, bytes: usize) -> Result<(), Error> {
        spend(&mut self.bytes_left, bytes, "bytes of files", self.budget.bytes_max)
    }

    pub(crate) fn spend_kustomization(&mut self) -> Result<(), Error> {
        spend(&mut self.kustomizations_left, 1, "kustomizations", self.budget.kustomizations_max)
    }

    pub(crate) fn spend_steps(&mut self, steps: usize) -> Result<(), Error> {
        spend(&mut self.steps_left, steps, "steps over objects", self.budget.steps_max)
    }

    pub(crate) fn allow_objects(&self, objects: usize) -> Result<(), Error> {
        if objects > self.budget.objects_max {
            return Err(Error::Budget { what: "objects", max: self.budget.objects_max });
        }
        Ok(())
    }

    pub(crate) fn allow_depth(&self, depth: usize) -> Result<(), Error> {
        if depth > self.budget.depth_max {
            return Err(Error::Budget { what: "nested kustomizations", max: self.budget.depth_max });
        }
        Ok(())
    }
}

fn spend(left: &mut usize, amount: usize, what: &'static str, max: usize) -> Result<(), Error> {
    *left = left.checked_sub(amount).ok_or(Error::Budget { what, max })?;
    Ok(())
}

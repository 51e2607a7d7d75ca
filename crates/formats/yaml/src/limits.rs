//! How much a text may ask for, and how much of it is spent.

/// How much a document may ask for.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of input.
    pub bytes_max: usize,
    /// Nesting of lists and maps.
    pub depth_max: usize,
    /// Values made, those that aliases repeat included.
    pub values_max: usize,
}

impl Limits {
    /// For manifests that people write, and the largest that tools generate.
    pub const MANIFESTS: Limits = Limits { bytes_max: 16 << 20, depth_max: 100, values_max: 1_000_000 };
}

/// What is left of [`Limits`] while a text is read. All documents of a text share it.
pub(crate) struct Budget {
    limits: Limits,
    values_left: usize,
    alias_bytes_left: usize,
}

/// What a value takes out of the budget each time that it is made.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Size {
    pub(crate) values: usize,
    pub(crate) bytes: usize,
    pub(crate) depth: usize,
}

impl Budget {
    pub(crate) fn new(limits: Limits) -> Budget {
        Budget { limits, values_left: limits.values_max, alias_bytes_left: limits.bytes_max }
    }

    pub(crate) fn check_text(&self, text: &str) -> Result<(), String> {
        let bytes_max = self.limits.bytes_max;
        if text.len() > bytes_max {
            return Err(format!("the text has {} bytes; at most {bytes_max} are read", text.len()));
        }
        Ok(())
    }

    pub(crate) fn check_depth(&self, depth: usize) -> Result<(), String> {
        let depth_max = self.limits.depth_max;
        if depth > depth_max {
            return Err(format!("lists and maps are nested deeper than {depth_max}"));
        }
        Ok(())
    }

    pub(crate) fn spend_value(&mut self) -> Result<(), String> {
        self.spend_values(1)
    }

    /// A value is repeated; the text it takes is not part of the input any more.
    pub(crate) fn spend_copy(&mut self, size: Size) -> Result<(), String> {
        self.spend_values(size.values)?;
        let left = self.alias_bytes_left.checked_sub(size.bytes);
        self.alias_bytes_left =
            left.ok_or_else(|| format!("aliases repeat more than {} bytes of text", self.limits.bytes_max))?;
        Ok(())
    }

    fn spend_values(&mut self, values: usize) -> Result<(), String> {
        let left = self.values_left.checked_sub(values);
        self.values_left = left.ok_or_else(|| {
            format!("more than {} values, those that aliases repeat included", self.limits.values_max)
        })?;
        Ok(())
    }
}

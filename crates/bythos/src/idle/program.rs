//! Where the program's own text is mapped, by `/proc/self/maps` (proc_pid_maps(5)).

use std::io;
use std::ops::Range;

/// The mappings of the program's file that hold nothing but what the file holds.
pub(super) fn mapped_text() -> io::Result<Vec<Range<usize>>> {
    let program = std::fs::read_link("/proc/self/exe")?;
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    Ok(text_in(&maps, &program.to_string_lossy()))
}

fn text_in(maps: &str, program: &str) -> Vec<Range<usize>> {
    maps.lines().filter_map(|line| text_at(line, program)).collect()
}

/// Nothing, if the line speaks of something else.
fn text_at(line: &str, program: &str) -> Option<Range<usize>> {
    let mut rest = line;
    let mut field = || {
        let (field, after) = rest.split_once(' ')?;
        rest = after.trim_start();
        Some(field)
    };
    let [addresses, permissions, offset, _device, _inode] =
        [field()?, field()?, field()?, field()?, field()?];
    // What cannot be written now may have been written by the loader, all but the code and the head of the file.
    let is_as_in_file =
        permissions == "r-xp" || (permissions == "r--p" && offset.bytes().all(|digit| digit == b'0'));
    if rest != program || !is_as_in_file {
        return None;
    }
    let (start, end) = addresses.split_once('-')?;
    let address = |text: &str| usize::from_str_radix(text, 16).ok();
    Some(address(start)?..address(end)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_can_have_written_is_text() {
        let maps = "\
55e0000-55e1000 r--p 00000000 fe:00 42                         /usr/local/bin/my program
55e1000-55e4000 r-xp 00001000 fe:00 42                         /usr/local/bin/my program
55e4000-55e5000 r--p 00004000 fe:00 42                         /usr/local/bin/my program
55e5000-55e6000 rw-p 00005000 fe:00 42                         /usr/local/bin/my program
66e0000-66e1000 r-xp 00000000 fe:00 43                         /usr/lib/libc.so.6
77e0000-77e1000 rw-p 00000000 00:00 0                          [heap]
88e0000-88e1000 rw-p 00000000 00:00 0 
";
        assert_eq!(
            text_in(maps, "/usr/local/bin/my program"),
            [0x55e_0000..0x55e_1000, 0x55e_1000..0x55e_4000]
        );
        assert!(text_in("nonsense\n\n1-2 r-xp", "nonsense").is_empty());
    }
}

//! What starting needed and serving does not, given back to the system.

/// Gives back the pages of the program's own code and constants: most of what is in memory once an application has been
/// opened was only needed for that. What is needed again comes from the file, page by page, which the system still has.
///
/// Elsewhere than on Linux it does nothing.
pub(crate) fn give_back() {
    #[cfg(target_os = "linux")]
    linux::give_back();
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::ops::Range;
    use std::ptr::with_exposed_provenance_mut;

    #[expect(unsafe_code, reason = "a third to a half of an idle server's memory")]
    pub(super) fn give_back() {
        let (Ok(maps), Ok(program)) = (fs::read_to_string("/proc/self/maps"), fs::read_link("/proc/self/exe")) else {
            return;
        };
        for Range { start, end } in constant(&maps, &program.to_string_lossy()) {
            // SAFETY: the range is a whole mapping of this program's file, which the system has just listed as private and
            // not writable, and which was never writable: `constant` takes code and the file's first part only, which no
            // loader writes to. So each page holds what the file holds, and comes back from it at the next access. The file
            // itself cannot change, since the system refuses to write to one that runs.
            let _ = unsafe { libc::madvise(with_exposed_provenance_mut(start), end - start, libc::MADV_DONTNEED) };
        }
    }

    /// The mappings of a program that are as its file says: its code, and what stands before it. Data that is made read-only
    /// after the loader has written to it lies behind them, and is none.
    fn constant(maps: &str, program: &str) -> Vec<Range<usize>> {
        let mapping = |line: &str| {
            let mut fields = line.splitn(6, ' ');
            let (start, end) = fields.next()?.split_once('-')?;
            let (rights, offset) = (fields.next()?, fields.next()?);
            let of_program = fields.nth(2)?.trim_start() == program;
            let kept =
                of_program && (rights == "r-xp" || (rights == "r--p" && offset.bytes().all(|byte| byte == b'0')));
            let number = |text| usize::from_str_radix(text, 16).ok();
            kept.then_some(number(start)?..number(end)?)
        };
        maps.lines().filter_map(mapping).collect()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn code_and_constants_are_given_back_and_nothing_else() {
            let maps = "\
5583f4a00000-5583f5510000 r--p 00000000 fe:00 1835046                    /opt/a b/taipan
5583f5510000-5583f9b10000 r-xp 00b10000 fe:00 1835046                    /opt/a b/taipan
5583f9b10000-5583f9e12000 r--p 05110000 fe:00 1835046                    /opt/a b/taipan
5583f9e12000-5583f9e40000 rw-p 05412000 fe:00 1835046                    /opt/a b/taipan
7f1c8c000000-7f1c8c021000 rw-p 00000000 00:00 0 
7f1c90000000-7f1c90028000 r--p 00000000 fe:00 1048600                    /usr/lib/libc.so.6
7f1c90028000-7f1c901bd000 r-xp 00028000 fe:00 1048600                    /usr/lib/libc.so.6
7ffd6a5f0000-7ffd6a611000 r-xp 00000000 00:00 0                          [vdso]
";
            let given = constant(maps, "/opt/a b/taipan");
            assert_eq!(given, [0x5583_f4a0_0000..0x5583_f551_0000, 0x5583_f551_0000..0x5583_f9b1_0000]);
            assert!(constant("", "/opt/taipan").is_empty() && constant("nonsense\n\n", "nonsense").is_empty());
        }

        #[test]
        fn a_program_goes_on_without_its_pages() {
            super::super::give_back();
            let maps = fs::read_to_string("/proc/self/maps").unwrap();
            let program = fs::read_link("/proc/self/exe").unwrap();
            assert!(!constant(&maps, &program.to_string_lossy()).is_empty(), "{maps}");
        }
    }
}

//! Fonts of the machine, for letters that those built into pictures lack.

use std::fs;
use std::path::{Path, PathBuf};

use taipan_plot::{Fonts, Picture};

use crate::error::Result;

/// Where systems keep their fonts.
const FOLDERS: [&str; 6] = [
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
    "C:\\Windows\\Fonts",
    ".local/share/fonts",
];

/// A larger file is no font.
const LARGEST: u64 = 64 << 20;

/// The picture in pixels, `scale` of them to a CSS pixel, as the bytes of a PNG file.
///
/// Latin, Greek and Cyrillic letters look the same everywhere; for others the machine's fonts are searched.
pub fn png(picture: &Picture, scale: f64) -> Result<Vec<u8>> {
    let mut fonts = Fonts::new();
    let mut wanted = picture.foreign_letters();
    if !wanted.is_empty() {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let folders = FOLDERS.iter().filter_map(|folder| {
            let whole = Path::new(folder).is_absolute() || folder.contains(':');
            if whole { Some(PathBuf::from(folder)) } else { home.as_ref().map(|home| home.join(folder)) }
        });
        let mut files = Vec::new();
        for folder in folders {
            list(&folder, 4, &mut files);
        }
        // Plain faces before bold and slanted ones, which have longer names.
        files.sort_by_key(|file| (file.file_name().map_or(0, std::ffi::OsStr::len), file.clone()));
        for file in files {
            if wanted.is_empty() {
                break;
            }
            if fs::metadata(&file).map_or(true, |about| about.len() > LARGEST) {
                continue;
            }
            let Ok(bytes) = fs::read(&file) else { continue };
            let covered = Fonts::covered(&bytes, &wanted);
            if !covered.is_empty() {
                wanted.retain(|letter| !covered.contains(letter));
                fonts = fonts.with(bytes);
            }
        }
    }
    Ok(picture.png(&fonts, scale)?)
}

fn list(folder: &Path, deep: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let ends = path.extension().and_then(|end| end.to_str()).map(str::to_ascii_lowercase);
        if matches!(ends.as_deref(), Some("ttf" | "otf" | "ttc" | "otc")) {
            files.push(path);
        } else if deep > 0 && path.is_dir() {
            list(&path, deep - 1, files);
        }
    }
}

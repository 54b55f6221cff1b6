//! Uploads: the files of a form, written to a folder as they come, in the memory of one piece.

use crate::secret::random_token;
use crate::{Problem, Result};
use axum::extract::Multipart;
use axum::http::StatusCode;
use std::path::{Path, PathBuf};
use tokio::io::AsyncWriteExt;

/// A text field's bytes, at most.
const MOST_TEXT: u64 = 1 << 20;

/// A file that was sent, in a folder of the server under a name of its own. It is removed when this is dropped, unless it
/// is [kept](Upload::keep).
#[derive(Debug)]
pub struct Upload {
    field: String,
    file_name: String,
    content_type: Option<String>,
    size: u64,
    path: PathBuf,
    kept: bool,
}

impl Upload {
    /// The form's field.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What the sender calls the file, without folders. Show it; do not use it as a path.
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// What the sender says that it is.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the file where it is.
    pub fn keep(mut self) -> PathBuf {
        self.kept = true;
        self.path.clone()
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.kept {
            // It may be gone already.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Reads a form of `multipart/form-data`: its files go to `folder`, each of `most` bytes at most, and its texts are
/// returned as they are. What was written is removed where this fails.
///
/// # Errors
/// 400 for a form that cannot be read, 413 for a file that is too large, 500 where the folder cannot be written.
pub async fn uploads(
    mut form: Multipart,
    folder: &Path,
    most: u64,
) -> Result<(Vec<Upload>, Vec<(String, String)>), Problem> {
    let unreadable = |error: axum::extract::multipart::MultipartError| Problem::new(error.status(), error.body_text());
    let (mut files, mut texts) = (Vec::new(), Vec::new());
    while let Some(mut field) = form.next_field().await.map_err(unreadable)? {
        let name = field.name().unwrap_or_default().to_owned();
        let Some(file_name) = field.file_name().map(plain_name) else {
            let mut text = Vec::new();
            while let Some(chunk) = field.chunk().await.map_err(unreadable)? {
                if (text.len() + chunk.len()) as u64 > MOST_TEXT {
                    return Err(too_large(&name, MOST_TEXT));
                }
                text.extend_from_slice(&chunk);
            }
            texts.push((name, String::from_utf8_lossy(&text).into_owned()));
            continue;
        };
        let path = folder.join(format!("upload-{}", random_token()?));
        let file = tokio::fs::OpenOptions::new().write(true).create_new(true).open(&path).await;
        let mut file = file.map_err(Problem::internal)?;
        let content_type = field.content_type().map(str::to_owned);
        // From here on the file goes with this, whatever happens.
        let mut upload = Upload { field: name, file_name, content_type, size: 0, path, kept: false };
        while let Some(chunk) = field.chunk().await.map_err(unreadable)? {
            upload.size += chunk.len() as u64;
            if upload.size > most {
                return Err(too_large(&upload.file_name, most));
            }
            file.write_all(&chunk).await.map_err(Problem::internal)?;
        }
        file.flush().await.map_err(Problem::internal)?;
        files.push(upload);
    }
    Ok((files, texts))
}

fn too_large(name: &str, most: u64) -> Problem {
    let size = crate::format::size(most);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("“{name}” is too large.")).hint(format!("At most {size}."))
}

/// A file's name without folders and what else is not fit to be shown.
fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last.chars().filter(|c| !c.is_control()).take(200).collect();
    if plain.trim_matches('.').is_empty() { "file".to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_folders() {
        let cases = [
            ("a.txt", "a.txt"),
            ("../../etc/passwd", "passwd"),
            ("C:\\x\\y.csv", "y.csv"),
            ("..", "file"),
            ("a\0b", "ab"),
        ];
        for (name, expected) in cases {
            assert_eq!(plain_name(name), expected);
        }
    }
}

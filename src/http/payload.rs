//! A request's body: bytes that are at hand, or pieces of which files are read while they are
//! sent, so that no file is ever whole in memory.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{Stream, try_unfold};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

/// What a request sends; cloned at no cost, and read anew by each hop and try.
#[derive(Debug, Clone)]
pub enum Payload {
    /// All of it; empty if there is none.
    Bytes(Bytes),
    /// One after the other.
    Pieces(Arc<Pieces>),
}

/// A body in pieces, whose size is known beforehand.
#[derive(Debug, Clone, Default)]
pub struct Pieces {
    pieces: Vec<Piece>,
    size: u64,
}

/// A part of a body.
#[derive(Debug, Clone)]
pub enum Piece {
    /// At hand.
    Bytes(Bytes),
    /// A file, and how much of it is sent: what it held when it was found.
    File(PathBuf, u64),
}

/// A file cannot be sent.
#[derive(Debug, thiserror::Error)]
#[error("cannot send the file {}: {reason}", path.display())]
pub struct FileError {
    path: PathBuf,
    reason: io::Error,
}

impl Default for Payload {
    fn default() -> Self {
        Payload::Bytes(Bytes::new())
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Payload::Bytes(bytes)
    }
}

impl From<Pieces> for Payload {
    fn from(pieces: Pieces) -> Self {
        Payload::Pieces(Arc::new(pieces))
    }
}

impl Payload {
    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Payload::Bytes(bytes) => bytes.len() as u64,
            Payload::Pieces(pieces) => pieces.size,
        }
    }

    /// The whole of it, unless it is in pieces.
    pub fn bytes(&self) -> Option<&Bytes> {
        match self {
            Payload::Bytes(bytes) => Some(bytes),
            Payload::Pieces(_) => None,
        }
    }
}

impl Pieces {
    /// Appends a piece.
    pub fn push(&mut self, piece: Piece) {
        self.size += match &piece {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::File(_, size) => *size,
        };
        self.pieces.push(piece);
    }
}

/// The bytes of `pieces` in order, those of files in chunks of at most `chunk`.
pub fn stream(
    pieces: Arc<Pieces>,
    chunk: usize,
) -> impl Stream<Item = Result<Bytes, FileError>> + Send + Sync + 'static {
    let reading = Reading { pieces, next: 0, file: None, chunk };
    try_unfold(reading, Reading::step)
}

/// How far the pieces are read.
struct Reading {
    pieces: Arc<Pieces>,
    next: usize,
    /// The file that is read, and how much of it is left.
    file: Option<(File, u64)>,
    chunk: usize,
}

impl Reading {
    async fn step(mut self) -> Result<Option<(Bytes, Reading)>, FileError> {
        loop {
            if let Some((file, left)) = &mut self.file {
                if *left > 0 {
                    let most = (*left).min(self.chunk as u64);
                    let read = read(file, most).await.map_err(|reason| self.failed(reason))?;
                    if let Some((_, left)) = &mut self.file {
                        *left -= read.len() as u64;
                    }
                    return Ok(Some((read, self)));
                }
                self.file = None;
            }
            let Some(piece) = self.pieces.pieces.get(self.next) else { return Ok(None) };
            self.next += 1;
            match piece {
                Piece::Bytes(bytes) if bytes.is_empty() => {}
                Piece::Bytes(bytes) => return Ok(Some((bytes.clone(), self))),
                Piece::File(path, size) => {
                    let file = File::open(path).await.map_err(|reason| self.failed(reason))?;
                    self.file = Some((file, *size));
                }
            }
        }
    }

    fn failed(&self, reason: io::Error) -> FileError {
        let path = match self.pieces.pieces.get(self.next.saturating_sub(1)) {
            Some(Piece::File(path, _)) => path.clone(),
            _ => PathBuf::new(),
        };
        FileError { path, reason }
    }
}

/// Up to `most` bytes.
async fn read(file: &mut File, most: u64) -> io::Result<Bytes> {
    let mut buffer = BytesMut::with_capacity(most as usize);
    let read = file.take(most).read_buf(&mut buffer).await?;
    match read {
        0 => Err(io::Error::other("it has become shorter")),
        _ => Ok(buffer.freeze()),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;

    use super::*;

    async fn read_all(pieces: Pieces) -> Result<Vec<Bytes>, String> {
        stream(Arc::new(pieces), 4).try_collect().await.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn files_are_read_in_chunks_between_what_is_at_hand() {
        let folder = tempfile::tempdir().unwrap();
        let (path, empty) = (folder.path().join("a"), folder.path().join("empty"));
        std::fs::write(&path, "0123456789").unwrap();
        std::fs::write(&empty, "").unwrap();
        let mut pieces = Pieces::default();
        for piece in [
            Piece::Bytes("<".into()),
            Piece::File(path.clone(), 9),
            Piece::File(empty, 0),
            Piece::Bytes(Bytes::new()),
            Piece::Bytes(">".into()),
        ] {
            pieces.push(piece);
        }
        assert_eq!(pieces.size, 11);
        let read = read_all(pieces.clone()).await.unwrap();
        assert_eq!(read.concat(), b"<012345678>");
        assert!(read.iter().all(|chunk| (1..=4).contains(&chunk.len())), "{read:?}");
        std::fs::write(&path, "0123").unwrap();
        let told = read_all(pieces.clone()).await.unwrap_err();
        assert_eq!(told, format!("cannot send the file {}: it has become shorter", path.display()));
        std::fs::remove_file(&path).unwrap();
        let told = read_all(pieces).await.unwrap_err();
        assert!(told.contains("No such file"), "{told}");
    }
}

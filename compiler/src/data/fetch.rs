//! Downloading a data set.
//!
//! A file goes to `NAME.part`, which a later run resumes by an HTTP range. It gets its name only after its
//! contents have the published SHA-256, so a file under its own name is whole.
//!
//! Non-goals: TLS and archives. The only data set that can be fetched so far, Fashion-MNIST, lies at a plain HTTP
//! address as four files.

use super::{
    DataError, DatasetName,
    contents::Contents,
    fashion_mnist::{ADDRESS, PublishedFile, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS},
};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};
use ureq::{Agent, Body, Proxy, http::Response};

/// How often one run requests the same file when the connection breaks off within it.
const MAX_ATTEMPTS: usize = 5;
const PAUSE_BETWEEN_ATTEMPTS: Duration = Duration::from_millis(500);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// The longest silence of a server.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const CHUNK_LENGTH: usize = 1 << 16;

/// How far a file has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The file's name.
    pub file: &'a str,
    /// Bytes there, those of earlier runs included.
    pub done: u64,
    /// Bytes in all, if the server says so.
    pub total: Option<u64>,
}

/// Downloads the data set `name` into `folder`, which is made if it does not exist; files that are there and right
/// stay as they are. `mirror` is the address of a folder to take the files from, in place of the official one.
/// `progress` hears of every chunk.
///
/// A connection that breaks off is taken up again a few times; after that, or when the program was killed,
/// another call resumes. A file with wrong contents is removed.
///
/// # Errors
/// [`DataError::NotFound`] if the data set cannot be fetched, [`DataError::Download`] if the server cannot be
/// reached, refuses, or sends something else, or if another run is downloading the same file; [`DataError::Io`] if
/// a file cannot be written.
pub fn fetch(
    name: DatasetName,
    folder: &Path,
    mirror: Option<&str>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), DataError> {
    match name {
        DatasetName::FashionMnist => {
            let files = [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS];
            let address = mirror.unwrap_or(ADDRESS);
            let agent = agent(Proxy::try_from_env());
            fetch_files(&agent, address, &files, folder, progress)
        }
        DatasetName::Cifar10 => Err(DataError::NotFound {
            what: format!("a way to fetch {name}"),
            advice: name.how_to_get(folder),
        }),
    }
}

fn agent(proxy: Option<Proxy>) -> Agent {
    Agent::config_builder()
        .proxy(proxy)
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_per_read(Some(READ_TIMEOUT))
        .build()
        .into()
}

fn fetch_files(
    agent: &Agent,
    address: &str,
    files: &[PublishedFile],
    folder: &Path,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), DataError> {
    fs::create_dir_all(folder).map_err(io_error("create", folder))?;
    for &file in files {
        let path = folder.join(file.name);
        if is_right(&path, file) {
            continue;
        }
        let mut download = Download::start(agent, address, file, folder)?;
        download.complete(progress)?;
        download.finish(&path)?;
    }
    Ok(())
}

/// Whether the file at `path` is there and has the published contents.
fn is_right(path: &Path, file: PublishedFile) -> bool {
    let contents = Contents::open(path);
    contents
        .and_then(|contents| contents.verify(file.length, file.sha256))
        .is_ok()
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DataError {
    move |cause| DataError::Io {
        action,
        path: path.to_owned(),
        cause,
    }
}

/// One file on its way.
struct Download<'a> {
    agent: &'a Agent,
    url: String,
    file: PublishedFile,
    part_path: PathBuf,
    /// Locked, so that two runs do not write into each other.
    part: File,
}

/// How an attempt ended, if not with an error that another attempt would meet again.
enum Ending {
    Complete,
    BrokenOff(String),
}

impl<'a> Download<'a> {
    fn start(
        agent: &'a Agent,
        address: &str,
        file: PublishedFile,
        folder: &Path,
    ) -> Result<Self, DataError> {
        let part_path = folder.join(format!("{}.part", file.name));
        let part = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(&part_path)
            .map_err(io_error("open", &part_path))?;
        let url = format!("{}/{}", address.trim_end_matches('/'), file.name);
        // A file system without locks is no reason to give up.
        if let Err(TryLockError::WouldBlock) = part.try_lock() {
            let problem = format!(
                "another run is writing {}; wait for it",
                part_path.display()
            );
            return Err(DataError::Download { url, problem });
        }
        Ok(Self {
            agent,
            url,
            file,
            part_path,
            part,
        })
    }

    fn complete(&mut self, progress: &mut dyn FnMut(Progress<'_>)) -> Result<(), DataError> {
        for attempt in 1.. {
            match self.attempt(progress)? {
                Ending::Complete => break,
                Ending::BrokenOff(cause) if attempt == MAX_ATTEMPTS => {
                    let problem =
                        format!("{cause}, {attempt} times; run the command again to resume");
                    return Err(self.failed(problem));
                }
                Ending::BrokenOff(_) => thread::sleep(PAUSE_BETWEEN_ATTEMPTS),
            }
        }
        Ok(())
    }

    /// Requests what is missing and appends what comes.
    fn attempt(&mut self, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Ending, DataError> {
        let mut done = self.part.seek(SeekFrom::End(0)).map_err(self.io("read"))?;
        let mut request = self.agent.get(&self.url);
        if done > 0 {
            request = request.header("Range", format!("bytes={done}-"));
        }
        let response = request.call().map_err(|cause| {
            self.failed(format!(
                "{cause}; check the connection and run the command again"
            ))
        })?;
        match response.status().as_u16() {
            206 if range_start(&response) == Some(done) => {}
            // Not the range asked for: start over.
            206 => {
                self.truncate()?;
                return Ok(Ending::BrokenOff(String::from(
                    "the server sent another range",
                )));
            }
            // Ranges ignored, or none asked for.
            200 => {
                self.truncate()?;
                done = 0;
            }
            // Nothing is missing: an earlier run was stopped between the last byte and the check.
            416 => return Ok(Ending::Complete),
            _ => {
                let status = response.status();
                return Err(self.failed(format!(
                    "the server answered {status}; check the address, or try later"
                )));
            }
        }

        let total = response.body().content_length();
        let total = total.map(|rest| done.saturating_add(rest));
        let mut body = response.into_body().into_reader();
        let mut chunk = vec![0; CHUNK_LENGTH];
        loop {
            let length = match body.read(&mut chunk) {
                Ok(0) => return Ok(Ending::Complete),
                Ok(length) => length,
                Err(cause) => return Ok(Ending::BrokenOff(cause.to_string())),
            };
            done += length as u64;
            if done > self.max_length() {
                self.truncate()?;
                let problem = format!(
                    "more than the {} bytes that the file can have; check the address",
                    self.max_length()
                );
                return Err(self.failed(problem));
            }
            self.part
                .write_all(&chunk[..length])
                .map_err(self.io("write"))?;
            progress(Progress {
                file: self.file.name,
                done,
                total,
            });
        }
    }

    /// Bounds a download: gzip adds less than a thousandth even to contents it cannot compress, and a header.
    fn max_length(&self) -> u64 {
        self.file.length + self.file.length / 1000 + 1024
    }

    /// Checks the contents, then gives the file its name.
    fn finish(mut self, path: &Path) -> Result<(), DataError> {
        self.part.sync_all().map_err(self.io("sync"))?;
        if let Err(error) = self.check() {
            fs::remove_file(&self.part_path).map_err(self.io("remove"))?;
            let problem = format!(
                "what came is wrong and was removed; run the command again, or take another mirror ({error})"
            );
            return Err(self.failed(problem));
        }
        fs::rename(&self.part_path, path).map_err(self.io("rename"))
    }

    /// Reads through the handle that holds the lock; on some systems no other handle can.
    fn check(&mut self) -> Result<(), DataError> {
        let length = self.part.seek(SeekFrom::End(0)).map_err(self.io("read"))?;
        self.part.rewind().map_err(self.io("read"))?;
        let contents = Contents::new(BufReader::new(&self.part), length, &self.part_path)?;
        contents.verify(self.file.length, self.file.sha256)
    }

    fn truncate(&self) -> Result<(), DataError> {
        self.part.set_len(0).map_err(self.io("truncate"))
    }

    fn failed(&self, problem: String) -> DataError {
        DataError::Download {
            url: self.url.clone(),
            problem,
        }
    }

    fn io(&self, action: &'static str) -> impl FnOnce(io::Error) -> DataError {
        io_error(action, &self.part_path)
    }
}

/// The first byte of the range in `Content-Range: bytes 100-199/200`.
fn range_start(response: &Response<Body>) -> Option<u64> {
    let value = response.headers().get("Content-Range")?.to_str().ok()?;
    let (start, _) = value.strip_prefix("bytes ")?.split_once('-')?;
    start.parse().ok()
}

#[cfg(test)]
mod tests;

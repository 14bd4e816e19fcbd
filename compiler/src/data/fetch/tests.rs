//! Downloads from a server on this machine that behaves as badly as servers do.

use super::*;
use crate::data::contents::tests::gzip;
use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    thread::JoinHandle,
};

const FILE: PublishedFile = PublishedFile {
    name: "letters.gz",
    length: 26,
    sha256: "71c480df93d6ae2f1efad1447c66c9525e316218cf51fc8d9ed832f2daf18b73",
};

/// The published file: FILE's contents, gzipped.
fn published() -> Vec<u8> {
    gzip(b"abcdefghijklmnopqrstuvwxyz")
}

/// A whole response: headers for `length` bytes, then `body`, which may be shorter.
fn response(status: &str, extra: &str, length: usize, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{extra}\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn partial(start: usize) -> Vec<u8> {
    let rest = &published()[start..];
    let range = format!(
        "Content-Range: bytes {start}-{}/*\r\n",
        published().len() - 1
    );
    response("206 Partial Content", &range, rest.len(), rest)
}

fn whole() -> Vec<u8> {
    response("200 OK", "", published().len(), &published())
}

/// Promises everything, sends `length` bytes.
fn broken_off(length: usize) -> Vec<u8> {
    response("200 OK", "", published().len(), &published()[..length])
}

/// Answers one request after the other with `responses`; ends with the `Range` headers it got.
fn serve(responses: Vec<Vec<u8>>) -> (String, JoinHandle<Vec<Option<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let answer = |response: Vec<u8>| {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(&stream).lines().map(Result::unwrap);
            let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
            assert_eq!(head[0], "GET /letters.gz HTTP/1.1");
            stream.write_all(&response).unwrap();
            let range = head
                .iter()
                .find(|line| line.to_lowercase().starts_with("range:"));
            range.map(|line| line["range:".len()..].trim().to_owned())
        };
        responses.into_iter().map(answer).collect()
    });
    (address, server)
}

/// Fetches FILE into `folder` from a server with these responses; also gives the ranges asked for.
fn fetch_from(
    folder: &Path,
    responses: Vec<Vec<u8>>,
) -> (Result<(), DataError>, Vec<Option<String>>) {
    let (address, server) = serve(responses);
    let result = fetch_silently(folder, &address);
    (result, server.join().unwrap())
}

fn fetch_silently(folder: &Path, address: &str) -> Result<(), DataError> {
    fetch_files(&agent(None), address, &[FILE], folder, &mut |_| {})
}

fn file(folder: &Path) -> Vec<u8> {
    fs::read(folder.join(FILE.name)).unwrap()
}

fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

fn range(start: usize) -> Option<String> {
    Some(format!("bytes={start}-"))
}

#[test]
fn a_file_is_fetched_once_and_progress_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("made/on/the/way");
    let (address, server) = serve(vec![whole()]);
    let length = published().len() as u64;
    let mut told = Vec::new();
    for _ in 0..2 {
        let mut tell = |p: Progress<'_>| told.push((p.file.to_owned(), p.done, p.total));
        fetch_files(&agent(None), &address, &[FILE], &folder, &mut tell).unwrap();
    }
    assert_eq!(server.join().unwrap(), [None]);
    assert_eq!(file(&folder), published());
    assert_eq!(
        told.last().unwrap(),
        &(FILE.name.to_owned(), length, Some(length))
    );
    assert_eq!(entries(&folder), 1);
}

#[test]
fn a_connection_that_breaks_off_is_taken_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let (result, ranges) = fetch_from(folder.path(), vec![broken_off(20), partial(20)]);
    result.unwrap();
    assert_eq!(ranges, [None, range(20)]);
    assert_eq!(file(folder.path()), published());
}

#[test]
fn another_run_resumes() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("letters.gz.part"), &published()[..9]).unwrap();
    let (result, ranges) = fetch_from(folder.path(), vec![partial(9)]);
    result.unwrap();
    assert_eq!(ranges, [range(9)]);
    assert_eq!(file(folder.path()), published());
}

#[test]
fn a_server_that_ignores_ranges_makes_it_start_over() {
    let folder = tempfile::tempdir().unwrap();
    let (result, ranges) = fetch_from(folder.path(), vec![broken_off(20), whole()]);
    result.unwrap();
    assert_eq!(ranges, [None, range(20)]);
    assert_eq!(file(folder.path()), published());
}

#[test]
fn a_server_that_sends_another_range_makes_it_start_over() {
    let folder = tempfile::tempdir().unwrap();
    let responses = vec![broken_off(20), partial(3), whole()];
    let (result, ranges) = fetch_from(folder.path(), responses);
    result.unwrap();
    assert_eq!(ranges, [None, range(20), None]);
    assert_eq!(file(folder.path()), published());
}

#[test]
fn a_complete_part_is_checked_and_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("letters.gz.part"), published()).unwrap();
    let unsatisfiable = response("416 Range Not Satisfiable", "", 0, b"");
    let (result, _) = fetch_from(folder.path(), vec![unsatisfiable]);
    result.unwrap();
    assert_eq!(file(folder.path()), published());
}

#[test]
fn attempts_are_bounded_and_what_came_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut responses = vec![broken_off(1)];
    for start in 1..MAX_ATTEMPTS {
        let mut one_byte = partial(start);
        one_byte.truncate(one_byte.len() - (published().len() - start) + 1);
        responses.push(one_byte);
    }
    let (result, ranges) = fetch_from(folder.path(), responses);
    let error = result.unwrap_err().to_string();
    assert!(
        error.ends_with("5 times; run the command again to resume"),
        "{error}"
    );
    assert_eq!(ranges.len(), MAX_ATTEMPTS);
    let part = fs::read(folder.path().join("letters.gz.part")).unwrap();
    assert_eq!(part, published()[..MAX_ATTEMPTS]);
}

#[test]
fn other_packing_of_the_same_contents_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let plain = b"abcdefghijklmnopqrstuvwxyz";
    let (result, _) = fetch_from(folder.path(), vec![response("200 OK", "", 26, plain)]);
    result.unwrap();
    assert_eq!(file(folder.path()), plain);
}

#[test]
fn wrong_contents_are_removed() {
    let damaged = &published()[..20];
    for wrong in [gzip(b"something else"), damaged.to_vec()] {
        let folder = tempfile::tempdir().unwrap();
        let responses = vec![response("200 OK", "", wrong.len(), &wrong)];
        let (result, _) = fetch_from(folder.path(), responses);
        let error = result.unwrap_err().to_string();
        assert!(
            error.contains("what came is wrong and was removed"),
            "{error}"
        );
        assert_eq!(entries(folder.path()), 0);
    }
}

#[test]
fn a_wrong_file_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(FILE.name), "wrong").unwrap();
    let (result, _) = fetch_from(folder.path(), vec![whole()]);
    result.unwrap();
    assert_eq!(file(folder.path()), published());
}

#[test]
fn a_server_that_never_ends_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let endless = vec![b'x'; 10_000];
    let responses = vec![response("200 OK", "", endless.len(), &endless)];
    let (result, _) = fetch_from(folder.path(), responses);
    let error = result.unwrap_err().to_string();
    assert!(error.contains("more than the 1050 bytes"), "{error}");
}

#[test]
fn a_missing_file_is_not_asked_for_twice() {
    let folder = tempfile::tempdir().unwrap();
    let responses = vec![response("404 Not Found", "", 0, b"")];
    let (result, _) = fetch_from(folder.path(), responses);
    let error = result.unwrap_err().to_string();
    assert!(error.ends_with(
        "letters.gz: the server answered 404 Not Found; check the address, or try later"
    ));
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = fetch_silently(folder.path(), &address)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(&format!("download {address}/letters.gz: ")),
        "{error}"
    );
}

#[test]
fn two_runs_do_not_write_into_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let agent = agent(None);
    let _first = Download::start(&agent, "http://localhost", FILE, folder.path()).unwrap();
    let error = fetch_silently(folder.path(), "http://localhost")
        .unwrap_err()
        .to_string();
    assert!(error.contains("another run is writing"), "{error}");
}

#[test]
fn cifar_10_comes_with_the_way_to_get_it() {
    let error = fetch(DatasetName::Cifar10, Path::new("data"), None, &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("cifar-10-binary.tar.gz"));
}

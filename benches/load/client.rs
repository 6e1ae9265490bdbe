//! Connections that are kept open and busy: one request at a time on each, the next as soon as it is answered.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::tally::percentiles;

/// A request as bytes.
pub(crate) struct Request {
    bytes: Vec<u8>,
    token: String,
    /// The statuses that count as success; none for a poisoned request, which may be answered with anything below 500.
    good: &'static [u16],
    /// Whether its answer is needed later.
    keep: bool,
}

impl Request {
    /// A POST of JSON by the bearer of `token`.
    pub(crate) fn post(path: &str, token: String, body: &str, good: &'static [u16], keep: bool) -> Self {
        let bytes = format!(
            "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        Self { bytes: bytes.into_bytes(), token: if keep { token } else { String::new() }, good, keep }
    }
}

/// How to send requests.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Run {
    address: SocketAddr,
    connections: usize,
    /// Seconds after which no further request is sent; the run is over earlier when all are answered.
    seconds: f64,
}

/// What a run brought.
#[derive(Default)]
pub(crate) struct Outcome {
    elapsed: Duration,
    timings: Vec<Duration>,
    /// Good answers by status.
    good: BTreeMap<u16, usize>,
    /// Answers other than expected, by status, each with the first of its bodies.
    unexpected: BTreeMap<u16, (usize, String)>,
    /// Answers to poisoned requests, by status.
    poisoned: BTreeMap<u16, usize>,
    /// Token and body of the answers that were to be kept.
    pub(crate) kept: Vec<(String, String)>,
}

impl Outcome {
    /// As JSON: the count of good answers, seconds, answers a second, percentiles in microseconds, and what went wrong.
    pub(crate) fn report(mut self) -> Value {
        let (count, seconds) = (self.timings.len(), self.elapsed.as_secs_f64());
        json!({
            "count": count,
            "seconds": seconds,
            "per_second": count as f64 / seconds,
            "micros": percentiles(&mut self.timings),
            "good": self.good,
            "unexpected": self.unexpected,
            "poisoned": self.poisoned,
        })
    }

    fn note(&mut self, request: Request, status: u16, body: &[u8], timing: Duration) {
        if request.good.is_empty() {
            *self.poisoned.entry(status).or_default() += 1;
        } else if request.good.contains(&status) {
            *self.good.entry(status).or_default() += 1;
            self.timings.push(timing);
            if request.keep {
                self.kept.push((request.token, String::from_utf8(body.to_vec()).unwrap()));
            }
        } else {
            let body = || (0, String::from_utf8_lossy(body).into_owned());
            self.unexpected.entry(status).or_insert_with(body).0 += 1;
        }
    }
}

impl Run {
    /// Sends the requests.
    pub(crate) async fn drive(&self, requests: Vec<Request>) -> Outcome {
        let mut streams = Vec::new();
        for _ in 0..self.connections {
            let stream = TcpStream::connect(self.address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            streams.push(stream);
        }
        let queue = Rc::new(RefCell::new(VecDeque::from(requests)));
        let outcome = Rc::new(RefCell::new(Outcome::default()));
        let started = Instant::now();
        let until = started + Duration::from_secs_f64(self.seconds);
        let local = LocalSet::new();
        for stream in streams {
            local.spawn_local(work(stream, Rc::clone(&queue), Rc::clone(&outcome), until));
        }
        local.await;
        let mut outcome = outcome.take();
        outcome.elapsed = started.elapsed();
        outcome
    }
}

async fn work(
    stream: TcpStream,
    queue: Rc<RefCell<VecDeque<Request>>>,
    outcome: Rc<RefCell<Outcome>>,
    until: Instant,
) {
    let mut buffer = Vec::with_capacity(16 * 1024);
    loop {
        let next = queue.borrow_mut().pop_front();
        let started = Instant::now();
        let Some(request) = next.filter(|_| started < until) else { return };
        send(&stream, &request.bytes).await;
        let (status, body) = receive(&stream, &mut buffer).await;
        outcome.borrow_mut().note(request, status, &buffer[body..], started.elapsed());
    }
}

async fn send(stream: &TcpStream, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match stream.try_write(bytes) {
            Ok(sent) => bytes = &bytes[sent..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => stream.writable().await.unwrap(),
            Err(error) => panic!("cannot send: {error}"),
        }
    }
}

/// Reads one answer: its status, and where its body begins in the buffer.
async fn receive(stream: &TcpStream, buffer: &mut Vec<u8>) -> (u16, usize) {
    buffer.clear();
    loop {
        stream.readable().await.unwrap();
        match stream.try_read_buf(buffer) {
            Ok(0) => panic!("the connection was closed: {}", String::from_utf8_lossy(buffer)),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            Err(error) => panic!("cannot receive: {error}"),
        }
        let Some(head) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&buffer[..head]).unwrap().to_ascii_lowercase();
        let length = text.split("\r\ncontent-length:").nth(1).expect("an answer of unknown length");
        let length: usize = length.split("\r\n").next().unwrap().trim().parse().unwrap();
        if buffer.len() >= head + 4 + length {
            return (text[9..12].parse().unwrap(), head + 4);
        }
    }
}

//! The `Accept-Language` header: the languages that the caller reads.

use std::convert::Infallible;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{ACCEPT_LANGUAGE, AcceptLanguage, Header, Preference, Quality};
use actix_web::{FromRequest, HttpRequest};

/// The longest header that is read, in bytes; those of browsers have less than a tenth of it.
const MAX_HEADER: usize = 1_000;
/// The most languages that are taken from it.
const MAX_LANGUAGES: usize = 20;
/// The longest tag, in characters, as in the body of a begin.
const MAX_TAG: usize = 35;

/// The languages that the caller reads, as tags, the best first (RFC 9110, 12.5.4); those of the same quality in the
/// order in which they stand. What cannot be read is passed over: nobody is turned away for a header. Where any language
/// is as good as those behind it (`*`), they end.
#[derive(Debug)]
pub(crate) struct Languages(pub(crate) Vec<String>);

impl FromRequest for Languages {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(languages(request))))
    }
}

fn languages(request: &HttpRequest) -> Vec<String> {
    let length: usize = request.headers().get_all(ACCEPT_LANGUAGE).map(|value| value.len()).sum();
    if length > MAX_HEADER {
        return Vec::new();
    }
    let Ok(AcceptLanguage(mut read)) = AcceptLanguage::parse(request) else { return Vec::new() };
    read.retain(|range| range.quality > Quality::ZERO);
    let ranked = AcceptLanguage(read).ranked().into_iter();
    let named = ranked.map_while(|range| match range {
        Preference::Specific(tag) => Some(tag.to_string()),
        Preference::Any => None,
    });
    named.filter(|tag| tag.len() <= MAX_TAG).take(MAX_LANGUAGES).collect()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn read(header: &[u8]) -> Vec<String> {
        let value = actix_web::http::header::HeaderValue::from_bytes(header).unwrap();
        languages(&TestRequest::default().insert_header((ACCEPT_LANGUAGE, value)).to_http_request())
    }

    #[test]
    fn the_best_come_first() {
        for (header, wanted) in [
            ("de", &["de"][..]),
            ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", &["fr-CH", "fr", "en", "de"]),
            ("en;q=0.2,de ; q=0.9 , pt-BR", &["pt-BR", "de", "en"]),
            ("fr;q=0.5, de;q=0.5, en;q=0.5", &["fr", "de", "en"]),
            ("de;q=0, en", &["en"]),
            ("en;q=0.3, *;q=0.6, fr", &["fr"]),
            ("*", &[]),
            ("", &[]),
        ] {
            assert_eq!(read(header.as_bytes()), wanted, "{header}");
        }
        assert_eq!(languages(&TestRequest::default().to_http_request()), [""; 0]);
    }

    #[test]
    fn several_headers_are_one() {
        let request = TestRequest::default()
            .append_header((ACCEPT_LANGUAGE, "en;q=0.5"))
            .append_header((ACCEPT_LANGUAGE, "de"))
            .to_http_request();
        assert_eq!(languages(&request), ["de", "en"]);
    }

    #[test]
    fn what_cannot_be_read_is_passed_over() {
        for header in
            [";;;,,q=,de", "\u{e4},de", "en;q=2, de", "en;q=x,de;q=0.1", "a-very-long-one,,de", "de_AT,de"]
        {
            let read = read(header.as_bytes());
            assert!(read == ["de"] || read.is_empty(), "{header}: {read:?}");
        }
        assert_eq!(read(b"\xff\xfe, de"), [""; 0]);
        let many: Vec<String> = (b'a'..=b'z').map(|letter| format!("d{}", char::from(letter))).collect();
        assert_eq!(read(many.join(",").as_bytes()), many[..MAX_LANGUAGES]);
        assert_eq!(read(format!("de,{}", "en,".repeat(400)).as_bytes()), [""; 0], "too long");
        let long = format!("de-x{}, en", "-abcdefgh".repeat(9));
        assert_eq!(read(long.as_bytes()), ["en"]);
    }
}
